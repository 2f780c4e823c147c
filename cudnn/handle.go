package cudnn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"

	"shake/csrc/load"
	"shake/cudnn/cuda"
)

// Handle is cuDNN on one card or, from Offline, on the description of one. It belongs to the thread
// that made it.
type Handle struct {
	b      backend
	ctx    *cuda.Context // nil: offline
	stream *cuda.Stream
	card   string
	sms    int
	device descriptor // the described card, offline only
	// The description, offline only
	properties []byte
	cache      *Cache
	made       *preparations           // plans of Prepare; nil: none
	stop       func() bool             // of a handle that Prepare made; nil: never
	wait       func(*cuda.Event) error // nil: the event's Synchronize
	plans      int                     // number of open plans
	closed     bool
}

// New opens cuDNN 9 on a context's card and makes the context current. The calling goroutine should
// be locked to its thread: the handle and its plans may be used from this thread only. Work goes to
// the context's default stream until SetStream.
//
// Errors: *load.NotFoundError, *load.OpenError or *load.SymbolError if the library is missing or
// damaged; ErrVersion if it is another cuDNN. (cudnnCreate.)
func New(ctx *cuda.Context) (*Handle, error) {
	if ctx == nil {
		return nil, invalid("New", "no context")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := ctx.SetCurrent(); err != nil {
		return nil, fmt.Errorf("cudnn: New: %w", err)
	}
	b, err := openBackend(true)
	if err != nil {
		return nil, err
	}
	d := ctx.Device()
	return &Handle{b: b, ctx: ctx, card: d.Name() + " " + d.Arch(), sms: d.SMs()}, nil
}

// Offline returns a handle that plans for a described card and cannot run anything: plans can be
// checked, listed and cached on a machine without that card. properties is the card's description
// in cuDNN's JSON form (attribute CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION). A libcuda.so.1 must
// exist nevertheless; one that does nothing is enough.
func Offline(properties []byte) (*Handle, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var p struct {
		Name    string `json:"deviceName"`
		Version int    `json:"deviceVer"`
		SMs     int    `json:"multiProcessorCount"`
	}
	if err := json.Unmarshal(properties, &p); err != nil || p.Name == "" || p.Version < 100 {
		return nil, invalid("Offline", "the description of the card: want JSON with deviceName and deviceVer (%v)", err)
	}
	if _, _, err := load.Look(load.CUDA); err != nil {
		return nil, fmt.Errorf("cudnn: Offline: %w", err)
	}
	b, err := openBackend(false)
	if err != nil {
		return nil, err
	}
	h := &Handle{b: b, card: fmt.Sprintf("%s sm_%d%d", p.Name, p.Version/100, p.Version/10%10), sms: p.SMs, properties: bytes.Clone(properties)}
	made, s := b.build([]spec{{descDevice, []attr{{attrDeviceJSON, typeChar, string(properties)}}}})
	if s != 0 {
		err := b.failure("Offline", "the description of "+p.Name, s)
		b.close()
		return nil, err
	}
	h.device = made[0]
	return h, nil
}

// Version is the library's version, such as "9.28.1". It needs no handle and no card.
func Version() (string, error) {
	b, err := openBackend(false)
	if err != nil {
		return "", err
	}
	defer b.close()
	return versionString(b.version()), nil
}

// versionString writes 92801 as 9.28.1; up to cuDNN 8 the numbers stood closer, 8907 for 8.9.7.
func versionString(v int) string {
	if v < 10000 {
		return fmt.Sprintf("%d.%d.%d", v/1000, v/100%10, v%100)
	}
	return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100)
}

// Version is the version of the library behind h.
func (h *Handle) Version() string { return versionString(h.b.version()) }

// Card names the card: "NVIDIA H100 80GB HBM3 sm_90".
func (h *Handle) Card() string { return h.card }

// Multiprocessors is the number of the card's multiprocessors. A plan's thread blocks should
// suffice for all of them.
func (h *Handle) Multiprocessors() int { return h.sms }

// SetStream sends all later runs to s, which must belong to the handle's context. (cudnnSetStream.)
func (h *Handle) SetStream(s *cuda.Stream) error {
	if err := h.mine("SetStream"); err != nil {
		return err
	}
	if h.ctx == nil {
		return &Error{Op: "SetStream", kind: ErrOffline}
	}
	if s.Handle() == 0 || s.Context() != h.ctx {
		return invalid("SetStream", "want an open stream of the handle's context")
	}
	if st := h.b.setStream(s.Handle()); st != 0 {
		return h.b.failure("SetStream", "", st)
	}
	h.stream = s
	return nil
}

// UseCache makes h look for plans in c before it asks the library, and store new plans there. nil:
// no cache.
func (h *Handle) UseCache(c *Cache) { h.cache = c }

// lost tells whether the handle, its context or its stream was closed.
func (h *Handle) lost() bool {
	return h.closed || h.ctx != nil && h.ctx.Handle() == 0 || h.stream != nil && h.stream.Handle() == 0
}

// Close frees the handle; close its plans first. Closing twice is an error, as is closing with open
// plans, which leaves the handle open.
func (h *Handle) Close() error {
	if err := h.mine("Close"); err != nil {
		return err
	}
	if h.plans > 0 {
		return invalid("Close", "%d plans are still open", h.plans)
	}
	h.closed = true
	h.b.drop(h.device)
	if s := h.b.close(); s != 0 {
		return &Error{Op: "Close", Status: s}
	}
	return nil
}

// usable returns an error if h may not be used, here and now.
func (h *Handle) usable(op string) error {
	if h != nil && !h.closed && h.lost() {
		return &Error{Op: op, Detail: "the handle's context or stream", kind: ErrClosed}
	}
	return h.mine(op)
}

// mine returns an error if the objects of h may not be freed, here and now.
func (h *Handle) mine(op string) error {
	switch {
	case h == nil || h.closed:
		return &Error{Op: op, Detail: "the handle", kind: ErrClosed}
	case h.ctx != nil && !h.b.here():
		return &Error{Op: op, Detail: "the handle belongs to the thread that made it: lock the goroutine to it", kind: ErrThread}
	}
	return nil
}
