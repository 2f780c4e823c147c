package cuda

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
)

// Module is compiled code, loaded into a context.
type Module struct {
	ctx    *Context
	handle uintptr // 0 when closed
}

// LoadModule loads a cubin, a fat binary or PTX, such as Binary.Image. The context must be current.
// Errors: ErrNoBinaryForGPU for another architecture's code, ErrInvalidImage for bytes that are no
// code, ErrInvalidPTX with the compiler's log. (cuModuleLoadDataEx)
func (c *Context) LoadModule(image []byte) (*Module, error) {
	const op = "Context.LoadModule"
	if c.closed() {
		return nil, closed(op, "context")
	}
	if reason := checkImage(image); reason != "" {
		return nil, &Error{Op: op, Status: ErrInvalidImage, Detail: reason}
	}
	// PTX is a C string, and a header may be longer than an image.
	r, log := cModuleLoad(c.handle, append(image[:len(image):len(image)], make([]byte, 64)...))
	if r.status != 0 {
		detail := "on " + c.device.name + ", " + c.device.Arch()
		if log = strings.TrimSpace(log); log != "" {
			detail += ": " + log
		}
		return nil, failed(op, r.status, "%s", detail)
	}
	c.count("module", 1)
	return &Module{c, uintptr(r.value)}, nil
}

// checkImage describes a visible fault of an image. The driver takes an image's size from the image
// itself.
func checkImage(image []byte) string {
	if len(image) == 0 {
		return "no bytes"
	}
	if !bytes.HasPrefix(image, []byte(elf.ELFMAG)) {
		return ""
	}
	e, err := elf.NewFile(bytes.NewReader(plainELF(image)))
	if err != nil {
		return "a damaged cubin: " + err.Error()
	}
	for _, s := range e.Sections {
		if end := s.Offset + s.FileSize; s.Type != elf.SHT_NOBITS && (end < s.Offset || end > uint64(len(image))) {
			return fmt.Sprintf("a cubin cut short: %d bytes of at least %d", len(image), end)
		}
	}
	return ""
}

// plainELF returns a cubin with the ELF version that debug/elf requires. Compilers of CUDA 12 write
// their own into the header (124 for 12.4).
func plainELF(image []byte) []byte {
	const at = 20 // e_version, four bytes, in headers of both word sizes
	if len(image) < at+4 {
		return image
	}
	plain := bytes.Clone(image)
	binary.LittleEndian.PutUint32(plain[at:], uint32(elf.EV_CURRENT))
	return plain
}

// Function finds a kernel by its name: the plain name of an extern "C" kernel, else the mangled
// one. The context must be current. It fails with ErrNotFound. (cuModuleGetFunction)
func (m *Module) Function(name string) (*Function, error) {
	const op = "Module.Function"
	if m.closed() {
		return nil, closed(op, "module")
	}
	if strings.ContainsRune(name, 0) {
		return nil, invalid(op, "a name with a zero byte: %q", name)
	}
	r := cModuleFunction(m.ctx.handle, m.handle, name)
	if r.status != 0 {
		return nil, failed(op, r.status, "kernel %q", name)
	}
	return newFunction(m, name, uintptr(r.value))
}

// Global finds a __device__ or __constant__ variable and returns its address and size in bytes. The
// context must be current. It fails with ErrNotFound. (cuModuleGetGlobal)
func (m *Module) Global(name string) (Ptr, int64, error) {
	const op = "Module.Global"
	if m.closed() {
		return 0, 0, closed(op, "module")
	}
	if strings.ContainsRune(name, 0) {
		return 0, 0, invalid(op, "a name with a zero byte: %q", name)
	}
	r := cModuleGlobal(m.ctx.handle, m.handle, name)
	return Ptr(r.value), int64(r.more), failed(op, r.status, "variable %q", name)
}

// Close unloads the module; its functions, calls and graphs must not be used afterwards. It may be
// called twice, and from any thread. (cuModuleUnload)
func (m *Module) Close() error {
	if m.closed() {
		return nil
	}
	h := m.handle
	m.handle = 0
	m.ctx.count("module", -1)
	return failed("Module.Close", cModuleFree(m.ctx.handle, h), "")
}

func (m *Module) closed() bool { return m == nil || m.handle == 0 }
