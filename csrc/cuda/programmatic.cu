// programmatic.cu: the beginning of a launch that may overlap the end of the launch in front.
//
// sk_begin() waits until the launch in front has ended and its stores are visible, and then lets
// the launch behind begin. Every thread of every kernel calls it before its first access of memory
// that an earlier launch may write. Index arithmetic stands in front, and so do reads of the step's
// record and indexes, which a copy ahead of the step writes, and draws from them.
//
// Idle threads wait, too: a launch that ends without having waited lets the launch behind it begin
// before the one in front has ended. The launch behind is let in
// after the wait, so that two launches overlap and never three; let in before the wait, a whole
// chain of launches could hold multiprocessors that other streams need. Later than this is no use:
// the launch behind cannot begin before the last block of the running one has come here, and then
// it takes no block's place.
//
// In an ordinary launch both instructions do nothing. Without SK_PROGRAMMATIC there are none.
__device__ __forceinline__ void sk_begin() {
#ifdef SK_PROGRAMMATIC
#ifdef __CUDA_ARCH__
#if __CUDA_ARCH__ < 900
#error "griddepcontrol needs sm_90"
#endif
  asm volatile("griddepcontrol.wait;" ::: "memory");
  asm volatile("griddepcontrol.launch_dependents;");
#else
  sk_griddepcontrol_wait();
  sk_griddepcontrol_launch_dependents();
#endif
#endif
}
