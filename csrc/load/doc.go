// Package load opens NVIDIA's shared libraries at run time and hands out tables of their functions, so that nothing of NVIDIA's is needed to
// build this program or to start it.
//
// Each library has a header here (cuda.h, nvrtc.h, ...) that declares by hand what is used of it; see table.h for how a list of functions becomes
// a table. Table opens a library on first use and returns the address of its table, which other packages' C code calls through. To add a
// library: a header, a line in tables.c and fill.h, an entry in libraries.go, and its line in tables_cgo.go.
//
// Folders are searched in this order (see Places): SHAKE_LIBRARY_PATH, the loader's own path, then where CUDA and pip usually put libraries.
// A file is looked at before the loader maps it, with its parts beside it and what it needs (loader.go): the loader dies of one that was cut short. Nothing is
// taken from the current folder by an empty or relative entry of LD_LIBRARY_PATH.
// A library that is missing, damaged, built for another processor, or too old is a typed error that says what to do:
// *NotFoundError, *OpenError, *SymbolError.
package load
