// Stream capture. Work that a capturing stream receives becomes nodes of a graph. A call that would
// wait, query or allocate is refused and spoils the capture.
#include <pthread.h>

#include <algorithm>
#include <set>

#include "state.h"

using namespace emu;

namespace {

thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

unsigned long self() { return (unsigned long)pthread_self(); }

// A capture in this context with a stream that the legacy stream would have to wait for; null:
// none.
Capture *blocking_capture(Context &c) {
  for (auto &capture : captures)
    for (Stream *s : capture->streams)
      if (s->context == &c && s->blocking) return capture.get();
  return nullptr;
}

void close(std::shared_ptr<Capture> c) {
  for (Stream *s : c->streams) s->capture.reset(), s->tips.clear();
  c->streams.clear();
  captures.erase(std::remove(captures.begin(), captures.end(), c), captures.end());
}

}  // namespace

namespace emu {

void invalidate(Capture &c) { c.valid = false; }

CUresult submit(Enter &in, Stream &s, std::shared_ptr<Work> w) {
  if (s.capture) {
    if (!s.capture->valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (w->programmatic && !s.tips.empty() &&
        (s.tips.size() > 1 || s.tips[0]->work->type != CU_GRAPH_NODE_TYPE_KERNEL)) {
      invalidate(*s.capture);
      say("kernel %s: a programmatic launch is captured behind %s, and its edge may only come from "
          "one kernel",
          w->function->name.c_str(), s.tips.size() > 1 ? "several nodes" : "a copy or a fill");
      return CUDA_ERROR_NOT_SUPPORTED;
    }
    auto n = std::make_shared<Node>();
    n->graph = s.capture->graph.get();
    n->work = w;
    n->after = s.tips;
    give(kNode, n);
    n->graph->nodes.push_back(n);
    s.tips = {n.get()};
    return CUDA_SUCCESS;
  }
  if (s.legacy)
    if (auto e = forbid(in, &s)) return e;
  relieve(in.lock, s);
  enqueue(s, {w});
  return in.context->error;
}

CUresult forbid(Enter &in, Stream *s) {
  if (s && s->capture) {
    if (!s->capture->valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    invalidate(*s->capture);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (s && s->legacy) {
    Capture *c = blocking_capture(*in.context);
    if (!c) return CUDA_SUCCESS;
    invalidate(*c);
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  }
  if (s) return CUDA_SUCCESS;
  CUresult e = CUDA_SUCCESS;
  for (auto &c : captures)
    if (c->origin->context == in.context.get())
      invalidate(*c), e = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  return e;
}

CUresult unsafe_call() {
  if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_SUCCESS;
  CUresult e = CUDA_SUCCESS;
  for (auto &c : captures) {
    if (c->mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
    const bool others =
        c->mode == CU_STREAM_CAPTURE_MODE_GLOBAL && thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (c->thread == self() || others) invalidate(*c), e = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return e;
}

}  // namespace emu

SK_API CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (mode < CU_STREAM_CAPTURE_MODE_GLOBAL || mode > CU_STREAM_CAPTURE_MODE_RELAXED)
    return CUDA_ERROR_INVALID_VALUE;
  if (s->legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (s->capture) return CUDA_ERROR_ILLEGAL_STATE;
  static unsigned long long ids = 0;
  auto c = std::make_shared<Capture>();
  c->graph = std::make_shared<Graph>();
  c->origin = s.get();
  c->streams = {s.get()};
  c->mode = mode;
  c->thread = self();
  c->id = ++ids;
  s->capture = c;
  s->tips.clear();
  captures.push_back(c);
  count("capture");
  return CUDA_SUCCESS;
}

SK_API CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  Enter in(kCurrent);
  if (in.error && in.error != CUDA_SUCCESS) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  *graph = nullptr;
  auto c = s->capture;
  if (!c) return CUDA_ERROR_ILLEGAL_STATE;
  if (c->origin != s.get()) return invalidate(*c), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  if (c->mode != CU_STREAM_CAPTURE_MODE_RELAXED && c->thread != self())
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  CUresult e = c->valid ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!e) {
    // All work of the other streams has to be in front of some node of this one.
    std::set<Node *> joined;
    std::vector<Node *> todo = s->tips;
    while (!todo.empty()) {
      Node *n = todo.back();
      todo.pop_back();
      if (joined.insert(n).second) todo.insert(todo.end(), n->after.begin(), n->after.end());
    }
    for (Stream *other : c->streams)
      for (Node *n : other->tips)
        if (!joined.count(n)) e = CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  }
  auto g = c->graph;
  close(c);
  if (e) {
    for (auto &n : g->nodes) drop(n->handle);
    return e;
  }
  give(kGraph, g);
  *graph = as_handle<CUgraph>(*g);
  return CUDA_SUCCESS;
}

static CUstreamCaptureStatus status_of(const Stream &s) {
  return !s.capture         ? CU_STREAM_CAPTURE_STATUS_NONE
         : s.capture->valid ? CU_STREAM_CAPTURE_STATUS_ACTIVE
                            : CU_STREAM_CAPTURE_STATUS_INVALIDATED;
}

SK_API CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (!status) return CUDA_ERROR_INVALID_VALUE;
  if (s->legacy && blocking_capture(*in.context)) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  *status = status_of(*s);
  return CUDA_SUCCESS;
}

SK_API CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus *status,
                                          unsigned long long *id, CUgraph *graph,
                                          const CUgraphNode **deps, size_t *n) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (!status || graph || deps || n)
    return status ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  *status = status_of(*s);
  if (id && s->capture) *id = s->capture->id;
  return CUDA_SUCCESS;
}

SK_API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
  if (!mode || *mode < 0 || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, thread_mode);
  return CUDA_SUCCESS;
}
