package cudnn

// #cgo noescape sk_thread
// #cgo nocallback sk_thread
// #cgo noescape sk_run
// #cgo nocallback sk_run
// #include <stdlib.h>
// #include "backend.h"
//
// static inline size_t sk_version(const sk_cudnn_table *t) { return t->cudnnGetVersion(); }
// static inline size_t sk_cudart(const sk_cudnn_table *t) { return t->cudnnGetCudartVersion(); }
// static inline void sk_last_error(const sk_cudnn_table *t, char *s, size_t n) {
//   s[0] = 0;
//   t->cudnnGetLastErrorString(s, n);
//   s[n-1] = 0;
// }
// static inline int sk_create(sk_handle *h) { return h->lib->cudnnCreate(&h->handle); }
// static inline int sk_destroy(sk_handle *h) { return h->lib->cudnnDestroy(h->handle); }
// static inline int sk_stream(sk_handle *h, uintptr_t s) {
//   return h->lib->cudnnSetStream(h->handle, (cudaStream_t)s);
// }
// static inline int sk_make(const sk_cudnn_table *t, int kind, uintptr_t *d) {
//   return t->cudnnBackendCreateDescriptor(kind, (void **)d);
// }
// static inline int sk_drop(const sk_cudnn_table *t, uintptr_t d) {
//   return t->cudnnBackendDestroyDescriptor((void *)d);
// }
// static inline int sk_finalize(const sk_cudnn_table *t, uintptr_t d) {
//   return t->cudnnBackendFinalize((void *)d);
// }
// static inline int sk_set(const sk_cudnn_table *t, uintptr_t d, int name, int type, int64_t n,
//                          const void *v) {
//   return t->cudnnBackendSetAttribute((void *)d, name, type, n, v);
// }
// static inline int sk_get(const sk_cudnn_table *t, uintptr_t d, int name, int type, int64_t n,
//                          int64_t *have, void *v) {
//   return t->cudnnBackendGetAttribute((void *)d, name, type, n, have, v);
// }
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"shake/csrc/load"
)

// descriptor is a backend descriptor's address; 0 is none.
type descriptor uintptr

// backend is the library and, where there is a card, a handle of it.
type backend struct{ c *C.sk_handle }

// openBackend opens the library; card asks for a handle on the current context.
func openBackend(card bool) (backend, error) {
	table, err := load.Table(load.CUDNN)
	if err != nil {
		return backend{}, notFound(err)
	}
	b := backend{(*C.sk_handle)(C.calloc(1, C.sizeof_sk_handle))}
	b.c.lib = (*C.sk_cudnn_table)(table)
	b.c.thread = C.sk_thread()
	if v := b.version(); v < 90000 || v >= 100000 {
		path, _ := load.Status(load.CUDNN)
		b.close()
		return backend{}, &Error{Op: "New", kind: ErrVersion, Detail: fmt.Sprintf("%s is version %s: want 9; %s", path, versionString(v), load.CUDNN.Remedy)}
	}
	if file, err := load.Status(load.CUDNN); err == nil {
		if err := needs(file, int(C.sk_cudart(b.c.lib))); err != nil {
			b.close()
			return backend{}, fmt.Errorf("cudnn: %w", err)
		}
	}
	if card {
		if s := C.sk_create(b.c); s != 0 {
			err := b.failure("New", "", Status(s))
			b.c.handle = nil
			b.close()
			return backend{}, err
		}
	}
	return b, nil
}

// notFound turns a failed search into ErrVersion if the only cuDNN installed is version 8.
func notFound(err error) error {
	old := &load.Library{Name: "libcudnn8", Files: []string{"libcudnn.so.8"}}
	var missing *load.NotFoundError
	if found := load.Candidates(old); errors.As(err, &missing) && len(found) > 0 {
		return &Error{Op: "New", kind: ErrVersion, Detail: fmt.Sprintf("%s is cuDNN 8: want 9; %s", found[0], load.CUDNN.Remedy)}
	}
	return fmt.Errorf("cudnn: %w", err)
}

func (b backend) version() int { return int(C.sk_version(b.c.lib)) }

func (b backend) close() (s Status) {
	if b.c.handle != nil {
		s = Status(C.sk_destroy(b.c))
	}
	C.free(unsafe.Pointer(b.c))
	return s
}

func (b backend) setStream(stream uintptr) Status {
	return Status(C.sk_stream(b.c, C.uintptr_t(stream)))
}

// here tells whether the caller runs on the backend's thread.
func (b backend) here() bool { return uintptr(b.c.thread) == thread() }

// thread names the calling thread.
func thread() uintptr { return uintptr(C.sk_thread()) }

// failure makes an error of a status and of the library's last message, which belongs to this
// thread.
func (b backend) failure(op, on string, s Status) *Error {
	return &Error{Op: op, On: on, Status: s, Detail: b.lastError()}
}

// lastError takes the library's last message, which can be very long. Of several reasons the last
// two count: they end the trail that led to the refusal.
func (b backend) lastError() string {
	var buf [16384]C.char
	C.sk_last_error(b.c.lib, &buf[0], C.size_t(len(buf)))
	return shorten(C.GoString(&buf[0]))
}

func (b backend) make(kind int32) (descriptor, Status) {
	var d C.uintptr_t
	s := C.sk_make(b.c.lib, C.int(kind), &d)
	return descriptor(d), Status(s)
}

func (b backend) drop(ds ...descriptor) {
	for _, d := range ds {
		if d != 0 {
			C.sk_drop(b.c.lib, C.uintptr_t(d))
		}
	}
}

func (b backend) finalize(d descriptor) Status { return Status(C.sk_finalize(b.c.lib, C.uintptr_t(d))) }

// build makes the descriptors of a list, each finalized. It returns all of them, or none and the
// status of the first failure.
func (b backend) build(specs []spec) (made []descriptor, s Status) {
	for _, sp := range specs {
		var d descriptor
		if d, s = b.make(sp.kind); s == 0 {
			made = append(made, d)
			for _, a := range sp.attrs {
				if s == 0 {
					s = b.set(d, a, made)
				}
			}
			if s == 0 {
				s = b.finalize(d)
			}
		}
		if s != 0 {
			b.drop(made...)
			return nil, s
		}
	}
	return made, 0
}

// set sets one attribute; refs are looked up in made.
func (b backend) set(d descriptor, a attr, made []descriptor) Status {
	var p unsafe.Pointer
	n := 1
	switch v := a.value.(type) {
	case nil:
		p = unsafe.Pointer(&b.c.handle)
	case int32:
		p = unsafe.Pointer(&v)
	case float32:
		p = unsafe.Pointer(&v)
	case bool:
		p = unsafe.Pointer(&v)
	case []int64:
		p, n = unsafe.Pointer(unsafe.SliceData(v)), len(v)
	case string:
		p, n = unsafe.Pointer(unsafe.StringData(v)), len(v)
	case descriptor:
		p = unsafe.Pointer(&v)
	case ref:
		p = unsafe.Pointer(&made[v])
	case []ref:
		list := make([]descriptor, len(v))
		for i, r := range v {
			list[i] = made[r]
		}
		p, n = unsafe.Pointer(unsafe.SliceData(list)), len(list)
	default:
		panic(fmt.Sprintf("cudnn: attribute %d has a value of type %T", a.name, a.value))
	}
	return Status(C.sk_set(b.c.lib, C.uintptr_t(d), C.int(a.name), C.int(a.typ), C.int64_t(n), p))
}

// get asks for up to n values at p and returns their number.
func (b backend) get(d descriptor, name, typ int32, n int, p unsafe.Pointer) (int, Status) {
	var have C.int64_t
	s := C.sk_get(b.c.lib, C.uintptr_t(d), C.int(name), C.int(typ), C.int64_t(n), &have, p)
	return int(have), Status(s)
}

func (b backend) getInt64(d descriptor, name int32) (v int64, s Status) {
	_, s = b.get(d, name, typeInt64, 1, unsafe.Pointer(&v))
	return v, s
}

func (b backend) getEnums(d descriptor, name, typ int32) ([]int32, Status) {
	var v [32]int32
	n, s := b.get(d, name, typ, len(v), unsafe.Pointer(&v))
	return v[:min(n, len(v))], s
}

// getDescriptors fills descriptors made before with the values of the attribute.
func (b backend) getDescriptors(d descriptor, name int32, into []descriptor) (int, Status) {
	return b.get(d, name, typeDescriptor, len(into), unsafe.Pointer(unsafe.SliceData(into)))
}

func (b backend) getString(d descriptor, name int32) (string, Status) {
	n, s := b.get(d, name, typeChar, 0, nil)
	if s != 0 || n == 0 {
		return "", s
	}
	buf := make([]byte, n)
	if n, s = b.get(d, name, typeChar, n, unsafe.Pointer(&buf[0])); s != 0 {
		return "", s
	}
	return strings.TrimRight(string(buf[:min(n, len(buf))]), "\x00"), 0
}

// runner is the C half of a plan: the data of a run, laid out once.
type runner struct {
	c     *C.sk_plan
	bound []uint64 // in C memory: the pointers of the next run, the workspace last
}

// runner lays a finalized plan out for g's tensors.
func (b backend) runner(plan descriptor, g *Graph, workspace int64) runner {
	var ids []int64
	var source []int32
	var scalars []float32
	for i, t := range g.Tensors {
		switch r := Ref(i + 1); {
		case t.Role == Virtual:
			continue
		case t.Role == Scalar:
			scalars = append(scalars, t.Value)
			source = append(source, int32(-len(scalars)))
		case t.Same != 0:
			source = append(source, g.place(t.Same))
		default:
			source = append(source, g.place(r))
		}
		ids = append(ids, int64(i+1))
	}
	n := len(g.bound)
	c := C.sk_plan_new(b.c, C.uintptr_t(plan), C.int32_t(n), C.int32_t(len(ids)), C.int32_t(len(scalars)))
	copy(unsafe.Slice((*int64)(c.ids), len(ids)), ids)
	copy(unsafe.Slice((*int32)(c.source), len(ids)), source)
	copy(unsafe.Slice((*float32)(c.scalars), len(scalars)), scalars)
	align := unsafe.Slice((*uint64)(c.align), n+1)
	for i, r := range g.bound {
		align[i] = uint64(g.at(r).align())
	}
	if workspace > 0 {
		align[n] = 16
	}
	return runner{c, unsafe.Slice((*uint64)(c.bound), n+1)}
}

// run runs the plan on r.bound: a status, or one of runThread and runPointer-i.
func (r runner) run() int { return int(C.sk_run(C.uintptr_t(uintptr(unsafe.Pointer(r.c))))) }

// align is the required alignment of the pointer of place i, in bytes.
func (r runner) align(i int) int64 { return int64(unsafe.Slice((*uint64)(r.c.align), i+1)[i]) }

func (r runner) free() { C.sk_plan_free(r.c) }

// The results of run beside a status.
const (
	runThread  = C.SK_RUN_THREAD
	runPointer = C.SK_RUN_POINTER
)
