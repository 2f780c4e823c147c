// A line of the table of a text's entry points. The emulated compiler writes SK_ENTRY(name,
// threads) for each, behind the text. Everything that SK_ENTRY needs is defined in front of the
// text, beyond the reach of the text's macros.
#pragma once
#include "block.h"

template <unsigned... I> struct sk_indices {};
template <unsigned N, unsigned... I> struct sk_count_up : sk_count_up<N - 1, N - 1, I...> {};
template <unsigned... I> struct sk_count_up<0, I...> {
  typedef sk_indices<I...> type;
};

template <auto F> struct sk_entry;
template <class... A, void (*F)(A...)> struct sk_entry<F> {
  static constexpr unsigned sizes[sizeof...(A) + 1] = {sizeof(A)..., 0};
  template <unsigned... I>
  __attribute__((no_sanitize("thread", "alignment"))) static void unpack(void **args,
                                                                         sk_indices<I...>) {
    (void)args;
    F(*(A *)args[I]...);
  }
  __attribute__((no_sanitize("thread", "alignment"))) static void call(void **args) {
    unpack(args, typename sk_count_up<sizeof...(A)>::type());
  }
  static constexpr sk_emu_kernel describe(const char *name, unsigned threads) {
    return {name, call, sizeof...(A), sizes, threads};
  }
};
#define SK_ENTRY(name, threads) sk_entry<&name>::describe(#name, threads),
