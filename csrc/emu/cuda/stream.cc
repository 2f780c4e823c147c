// Streams and events.
#include <algorithm>
#include <cmath>

#include "state.h"

using namespace emu;

SK_API CUresult cuStreamCreateWithPriority(CUstream *out, unsigned flags, int priority) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  if (!out || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  auto s = std::make_shared<Stream>();
  s->context = in.context.get();
  s->blocking = flags == CU_STREAM_DEFAULT;
  s->priority = std::max(-5, std::min(0, priority));
  give(kStream, s);
  in.context->streams[s->handle] = s;
  *out = as_handle<CUstream>(*s);
  return CUDA_SUCCESS;
}
SK_API CUresult cuStreamCreate(CUstream *out, unsigned flags) {
  return cuStreamCreateWithPriority(out, flags, 0);
}

SK_API CUresult cuStreamDestroy_v2(CUstream stream) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  if (uintptr_t(stream) <= 2) return CUDA_ERROR_INVALID_HANDLE;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (s->capture) {
    invalidate(*s->capture);
    auto &all = s->capture->streams;
    all.erase(std::remove(all.begin(), all.end(), s.get()), all.end());
    if (s->capture->origin == s.get())
      for (auto *other : all) other->capture.reset(), other->tips.clear();
    s->capture.reset();
  }
  drop(s->handle);
  in.context->streams.erase(s->handle);
  in.context->zombies.push_back(s);
  return CUDA_SUCCESS;
}

SK_API CUresult cuStreamSynchronize(CUstream stream) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  count("sync");
  if (auto e = forbid(in, s.get())) return e;
  return finish(in.lock, *s);
}

SK_API CUresult cuStreamQuery(CUstream stream) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  count("query");
  if (auto e = forbid(in, s.get())) return e;
  if (!s->waits.empty() || s->legacy) enqueue(*s, {});
  if (s->queue.empty() || s->queue.back()->state == Op::kDone) return CUDA_SUCCESS;
  poll(in.lock, s->queue.back());
  if (in.context->error) return in.context->error;
  return s->legacy && s->queue.back()->state == Op::kDone ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

SK_API CUresult cuStreamGetCtx(CUstream stream, CUcontext *c) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (!c) return CUDA_ERROR_INVALID_VALUE;
  *c = as_handle<CUcontext>(*s->context);
  return CUDA_SUCCESS;
}

SK_API CUresult cuStreamGetFlags(CUstream stream, unsigned *flags) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = s->blocking ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING;
  return CUDA_SUCCESS;
}

SK_API CUresult cuStreamGetPriority(CUstream stream, int *priority) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (!priority) return CUDA_ERROR_INVALID_VALUE;
  *priority = s->priority;
  return CUDA_SUCCESS;
}

SK_API CUresult cuEventCreate(CUevent *out, unsigned flags) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  if (!out || flags > 7) return CUDA_ERROR_INVALID_VALUE;
  auto e = std::make_shared<Event>();
  e->context = in.context.get();
  e->timing = !(flags & CU_EVENT_DISABLE_TIMING);
  give(kEvent, e);
  in.context->events.push_back(e->handle);
  *out = as_handle<CUevent>(*e);
  return CUDA_SUCCESS;
}

SK_API CUresult cuEventDestroy_v2(CUevent event) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto e = get<Event>(kEvent, event);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  drop(e->handle);
  auto &all = in.context->events;
  all.erase(std::remove(all.begin(), all.end(), e->handle), all.end());
  return CUDA_SUCCESS;
}

SK_API CUresult cuEventRecord(CUevent event, CUstream stream) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  auto e = get<Event>(kEvent, event);
  if (!e || e->context != s->context) return CUDA_ERROR_INVALID_HANDLE;
  if (s->capture) {
    if (!s->capture->valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    e->capture = s->capture, e->tips = s->tips, e->op.reset();
    return CUDA_SUCCESS;
  }
  if (s->legacy)
    if (auto error = forbid(in, s.get())) return error;
  e->capture.reset(), e->tips.clear();
  e->op = enqueue(*s, {});
  return CUDA_SUCCESS;
}

SK_API CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  auto e = get<Event>(kEvent, event);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
  // The wait is an edge of the graph; a stream that does not capture yet joins the capture.
  if (e->capture) {
    if (!e->capture->valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (s->legacy) return invalidate(*e->capture), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    if (s->capture && s->capture != e->capture)
      return invalidate(*s->capture), invalidate(*e->capture), CUDA_ERROR_STREAM_CAPTURE_MERGE;
    if (!s->capture) {
      if (std::none_of(captures.begin(), captures.end(), [&](auto &c) { return c == e->capture; }))
        return CUDA_ERROR_INVALID_HANDLE;
      s->capture = e->capture;
      s->capture->streams.push_back(s.get());
    }
    for (Node *n : e->tips)
      if (std::find(s->tips.begin(), s->tips.end(), n) == s->tips.end()) s->tips.push_back(n);
    return CUDA_SUCCESS;
  }
  if (s->capture) {
    if (!s->capture->valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!e->op) return CUDA_SUCCESS;
    return invalidate(*s->capture), CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  if (e->op && e->op->state != Op::kDone) s->waits.push_back(e->op);
  return CUDA_SUCCESS;
}

SK_API CUresult cuEventQuery(CUevent event) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto e = get<Event>(kEvent, event);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  count("query");
  if (e->capture)
    return e->capture->valid ? invalidate(*e->capture) : (void)0, CUDA_ERROR_CAPTURED_EVENT;
  if (auto error = unsafe_call()) return error;
  if (!e->op || poll(in.lock, e->op)) return in.context->error;
  return in.context->error ? in.context->error : CUDA_ERROR_NOT_READY;
}

SK_API CUresult cuEventSynchronize(CUevent event) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto e = get<Event>(kEvent, event);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  count("sync");
  if (e->capture)
    return e->capture->valid ? invalidate(*e->capture) : (void)0, CUDA_ERROR_CAPTURED_EVENT;
  if (auto error = unsafe_call()) return error;
  if (e->op) finish(in.lock, e->op);
  return in.context->error;
}

SK_API CUresult cuEventElapsedTime(float *ms, CUevent start, CUevent end) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto a = get<Event>(kEvent, start), b = get<Event>(kEvent, end);
  if (!ms) return CUDA_ERROR_INVALID_VALUE;
  if (!a || !b || !a->timing || !b->timing || !a->op || !b->op) return CUDA_ERROR_INVALID_HANDLE;
  if (a->op->state != Op::kDone || b->op->state != Op::kDone) return CUDA_ERROR_NOT_READY;
  *ms = float(std::max(0.0, (b->op->finished - a->op->finished) * 1e3));
  return CUDA_SUCCESS;
}
SK_API CUresult cuEventElapsedTime_v2(float *ms, CUevent start, CUevent end) {
  return cuEventElapsedTime(ms, start, end);
}
