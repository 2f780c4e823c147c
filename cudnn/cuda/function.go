package cuda

// Function is a kernel of a module. It lives as long as the module.
type Function struct {
	m      *Module
	name   string
	handle uintptr
	max    int // threads a block
	// Size of each parameter in bytes; nil if the driver cannot tell (before CUDA 12.4)
	params []int
	known  bool // whether params is known
}

// newFunction asks the driver for the kernel's parameters.
func newFunction(m *Module, name string, handle uintptr) (*Function, error) {
	const op = "Module.Function"
	f := &Function{m: m, name: name, handle: handle}
	r := cFunctionAttribute(handle, maxThreadsPerBlock)
	if r.status != 0 {
		return nil, failed(op, r.status, "kernel %q", name)
	}
	f.max = int(int64(r.value))
	for i := 0; ; i++ {
		p := cFunctionParam(handle, i)
		switch {
		case p.status == 0:
			f.params = append(f.params, int(p.more))
			continue
		case p.status == ErrInvalidValue: // past the last parameter
			f.known = true
		case p.status != ErrNotSupported:
			return nil, failed(op, p.status, "parameter %d of kernel %q", i, name)
		}
		return f, nil
	}
}

// Name returns the name given to Module.Function.
func (f *Function) Name() string {
	if f == nil {
		return ""
	}
	return f.name
}

// Parameters returns the size in bytes of each of the kernel's parameters, and whether the driver
// knows (from CUDA 12.4 on). (cuFuncGetParamInfo)
func (f *Function) Parameters() (sizes []int, known bool) {
	if f == nil {
		return nil, false
	}
	return append([]int(nil), f.params...), f.known
}

// Attributes are a kernel's needs and limits.
type Attributes struct {
	Registers        int // of one thread
	SharedBytes      int // static, of one block
	LocalBytes       int // of one thread: spilled registers and arrays
	ConstBytes       int
	MaxThreads       int // in a block
	MaxDynamicShared int // bytes that a launch may ask for, as set by SetMaxDynamicShared
	PTXVersion       int // 90 for 9.0
	BinaryVersion    int // 90 for sm_90
}

// CUfunction_attribute.
const (
	maxThreadsPerBlock = 0
	staticShared       = 1
	constBytes         = 2
	localBytes         = 3
	registers          = 4
	ptxVersion         = 5
	binaryVersion      = 6
	maxDynamicShared   = 8
)

// Attributes asks the driver for the kernel's attributes. (cuFuncGetAttribute)
func (f *Function) Attributes() (Attributes, error) {
	const op = "Function.Attributes"
	var a Attributes
	if f.closed() {
		return a, closed(op, "function or its module")
	}
	for _, q := range []struct {
		attribute int
		value     *int
	}{
		{maxThreadsPerBlock, &a.MaxThreads}, {staticShared, &a.SharedBytes}, {constBytes, &a.ConstBytes}, {localBytes, &a.LocalBytes},
		{registers, &a.Registers}, {ptxVersion, &a.PTXVersion}, {binaryVersion, &a.BinaryVersion}, {maxDynamicShared, &a.MaxDynamicShared},
	} {
		r := cFunctionAttribute(f.handle, q.attribute)
		if r.status != 0 {
			return a, failed(op, r.status, "kernel %q", f.name)
		}
		*q.value = int(int64(r.value))
	}
	return a, nil
}

// SetMaxDynamicShared allows launches to ask for up to n bytes of dynamic shared memory; only above
// 48 KiB does a kernel need it. The device's limit is its MaxSharedPerBlockOptin less the kernel's
// SharedBytes. The context must be current. (cuFuncSetAttribute)
func (f *Function) SetMaxDynamicShared(n int) error {
	const op = "Function.SetMaxDynamicShared"
	if f.closed() {
		return closed(op, "function or its module")
	}
	if n < 0 {
		return invalid(op, "%d bytes", n)
	}
	s := cFunctionSet(f.m.ctx.handle, f.handle, maxDynamicShared, n)
	if s == ErrInvalidValue {
		limit, _ := f.m.ctx.device.Attribute(MaxSharedPerBlockOptin)
		return failed(op, s, "kernel %q, %d bytes; a block of this device has %d, static and dynamic", f.name, n, limit)
	}
	return failed(op, s, "kernel %q, %d bytes", f.name, n)
}

// Occupancy returns the number of blocks of so many threads and so many bytes of dynamic shared
// memory that one multiprocessor holds at a time. A cooperative launch may have that number times
// Device.SMs blocks. The context must be current. (cuOccupancyMaxActiveBlocksPerMultiprocessor)
func (f *Function) Occupancy(block, shared int) (blocks int, err error) {
	const op = "Function.Occupancy"
	if f.closed() {
		return 0, closed(op, "function or its module")
	}
	if block <= 0 || shared < 0 {
		return 0, invalid(op, "%d threads, %d bytes of shared memory", block, shared)
	}
	r := cFunctionOccupancy(f.m.ctx.handle, f.handle, block, shared)
	return int(r.value), failed(op, r.status, "kernel %q, %d threads, %d bytes of shared memory", f.name, block, shared)
}

func (f *Function) closed() bool { return f == nil || f.handle == 0 || f.m.closed() }
