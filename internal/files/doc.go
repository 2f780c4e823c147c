// Package files reads and writes whole files. A reader never sees a half written file. A pipe or a
// device is never waited for or replaced. A read has a largest size.
//
// Disk has the system calls by which a run reaches its directory: files, durable names in folders,
// and locks. Tests answer these calls with errors.
//
// Replace is for files of our own, which a reader may open at any instant. Write is for a path from
// a user, which may be a device, a pipe or a link. Both make a temporary file beside the target.
// Its name is random and new, so that two writers never share a file and a planted link under the
// name is not followed. Of two writers of one file at once, one wins whole. Open and Read take
// regular files only.
package files
