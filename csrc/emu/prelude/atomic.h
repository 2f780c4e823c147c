// Atomic operations. Instrumented code must not contain them, so they are functions that check and
// then act.
#pragma once
#include "thread.h"

#define SK_ATOMIC \
  template <class T> __attribute__((noinline, no_sanitize("thread", "alignment"))) static T
template <class T> struct sk_same {
  typedef T type;
};
#define SK_V typename sk_same<T>::type

template <class T, class F>
__attribute__((noinline, no_sanitize("thread", "alignment"))) static T sk_atomic(volatile T *p,
                                                                                 F f) {
  sk_touch(p, sizeof(T), SK_EMU_ATOMIC);
  if ((unsigned long)p % sizeof(T))
    sk_emu_misaligned((const void *)p, sizeof(T), "an atomic operation", 0);
  T old, now;
  __atomic_load(p, &old, __ATOMIC_SEQ_CST);
  do now = f(old);
  while (!__atomic_compare_exchange(p, &old, &now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  return old;
}
SK_ATOMIC atomicAdd(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return (T)(o + v); });
}
SK_ATOMIC atomicSub(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return (T)(o - v); });
}
SK_ATOMIC atomicExch(T *p, SK_V v) {
  return sk_atomic(p, [v](T) { return v; });
}
SK_ATOMIC atomicMin(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return v < o ? v : o; });
}
SK_ATOMIC atomicMax(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return v > o ? v : o; });
}
SK_ATOMIC atomicAnd(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return (T)(o & v); });
}
SK_ATOMIC atomicOr(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return (T)(o | v); });
}
SK_ATOMIC atomicXor(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return (T)(o ^ v); });
}
SK_ATOMIC atomicInc(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return o >= v ? (T)0 : (T)(o + 1); });
}
SK_ATOMIC atomicDec(T *p, SK_V v) {
  return sk_atomic(p, [v](T o) { return o == 0 || o > v ? v : (T)(o - 1); });
}
SK_ATOMIC atomicCAS(T *p, SK_V compare, SK_V v) {
  return sk_atomic(p, [compare, v](T o) { return o == compare ? v : o; });
}
#undef SK_ATOMIC
#undef SK_V
