// Package files reads and writes whole files: a file is never seen half written, what is no regular file is never waited for or replaced, and no more is read
// than was asked for.
//
// Disk has the calls by which a run reaches its directory, with a seam where tests answer them with errors: files, folders whose names are durable, and locks.
//
// Replace is for files of our own, which a reader may meet at any instant; Write is for a name that a user gave, which may be a device, a pipe or a link. Both
// make a temporary file beside the target, with a random name that did not exist, so that two writers never share one and a link that somebody laid under its
// name is not followed; of two that write one file at once, one wins whole. Open and Read take regular files only.
package files
