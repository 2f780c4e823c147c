/* How a shared library's functions are listed, stored and filled in.

   A header of a library (cuda.h, nvrtc.h, ...) declares by hand the types and constants that are
   used, and one list
       #define SK_NAME_FUNCTIONS(F, O)  F(return type, exported symbol, (parameters)) ... O(...)
   F for functions that the library must have, O for functions that an older one may lack.
   From the list come the table that callers call through,
       typedef struct { SK_NAME_FUNCTIONS(SK_POINTER, SK_POINTER) } sk_name_table;
   and, in one .c file of this folder, the table that sk_fill fills:
       SK_LIBRARY(sk_name, SK_NAME_FUNCTIONS)
   A table is nothing but function pointers in the order of the list. Headers may be included from
   any folder, and from C++. */
#ifndef SK_LOAD_TABLE_H
#define SK_LOAD_TABLE_H

#define SK_POINTER(ret, name, args) ret(*name) args;

typedef struct {
  const char *name;
  int required;
} sk_symbol;

typedef struct {
  const sk_symbol *symbols;
  int n;
  void **table; /* n function pointers */
} sk_library;

#define SK_REQUIRED(ret, name, args) {#name, 1},
#define SK_OPTIONAL(ret, name, args) {#name, 0},
#define SK_LIBRARY(prefix, functions)                                                      \
  static const sk_symbol prefix##_symbols[] = {functions(SK_REQUIRED, SK_OPTIONAL)};       \
  static prefix##_table prefix##_loaded;                                                   \
  const sk_library prefix##_library = {prefix##_symbols,                                   \
                                       sizeof prefix##_symbols / sizeof *prefix##_symbols, \
                                       (void **)&prefix##_loaded};                         \
  _Static_assert(sizeof(prefix##_table) ==                                                 \
                     sizeof prefix##_symbols / sizeof *prefix##_symbols * sizeof(void *),  \
                 "a table holds its functions and nothing else")

#endif
