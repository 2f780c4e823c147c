// Package load opens NVIDIA's shared libraries at run time and hands out tables of their functions.
// Building and starting this program therefore needs no file of NVIDIA's.
//
// Each library has a header here (cuda.h, nvrtc.h, ...) that declares its used part by hand;
// table.h describes how a list of functions becomes a table. Table opens a library on first use and
// returns the address of its table. Other packages' C code calls through that table. A new library
// needs a header, a line in tables.c and fill.h, an entry in libraries.go, and a line in
// tables_cgo.go.
//
// Folders are searched in this order (see Places): SHAKE_LIBRARY_PATH, the loader's own path, then
// the usual folders of CUDA and pip. The loader dies of a file that was cut short. Therefore a
// file, its parts beside it and the libraries that it needs are checked before the loader maps them
// (loader.go). An empty or relative entry of LD_LIBRARY_PATH never opens a file of the current
// folder. A library that is missing, damaged, built for another processor, or too old is a typed
// error with a remedy: *NotFoundError, *OpenError, *SymbolError.
package load
