package gpustat

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	forward "shake/csrc/nvml"
)

type device = nvml.Device

// Driver is NVML, opened. Its methods and those of its cards are for one goroutine at a time.
type Driver struct {
	lib     nvml.Interface
	version string
	cuda    string
}

// Open opens the libnvidia-ml.so.1 at path. An *Error says why NVML cannot be used and gives a
// remedy. Any other error means that the file is not NVML.
func Open(path string) (*Driver, error) {
	if err := forward.Open(path); err != nil {
		return nil, err
	}
	d := &Driver{lib: nvml.New(nvml.WithLibraryPath(path))}
	if r := d.lib.Init(); r != nvml.SUCCESS {
		return nil, d.fail("nvmlInit", r, remedies[int(r)])
	}
	if v, r := d.lib.SystemGetDriverVersion(); r == nvml.SUCCESS {
		d.version = v
	}
	if v, r := d.lib.SystemGetCudaDriverVersion_v2(); r == nvml.SUCCESS {
		d.cuda = fmt.Sprintf("%d.%d", v/1000, v%1000/10)
	}
	return d, nil
}

// Version is the driver's: "580.82.07". "": not known.
func (d *Driver) Version() string { return d.version }

// CUDA is the newest version of CUDA that the driver runs: "13.0". "": not known.
func (d *Driver) CUDA() string { return d.cuda }

// Close shuts NVML down. After it the cards must not be read.
func (d *Driver) Close() error {
	if r := d.lib.Shutdown(); r != nvml.SUCCESS {
		return d.fail("nvmlShutdown", r, "")
	}
	return nil
}

func (d *Driver) fail(op string, r nvml.Return, remedy string) *Error {
	return &Error{Op: op, Code: int(r), Detail: d.lib.ErrorString(r), Remedy: remedy}
}

// Cards lists the cards in the order of their addresses. A card that is already lost is listed with
// its known fields.
func (d *Driver) Cards() ([]*Card, error) {
	n, r := d.lib.DeviceGetCount()
	if r != nvml.SUCCESS {
		return nil, d.fail("counting cards", r, "")
	}
	var cards []*Card
	for i := range n {
		c := &Card{Index: i, Memory: Unknown, PowerLimit: Unknown}
		cards = append(cards, c)
		if c.dev, r = d.lib.DeviceGetHandleByIndex(i); r != nvml.SUCCESS {
			c.dev, c.Lost = nil, true
			c.gap(time.Now(), "card", d.fail("card", r, ""))
			continue
		}
		c.describe()
	}
	return cards, nil
}

// describe fills in the fields that do not change.
func (c *Card) describe() {
	c.Name = text(c.dev.GetName())
	c.UUID = text(c.dev.GetUUID())
	if pci, r := c.dev.GetPciInfo(); r == nvml.SUCCESS {
		c.Bus = BusAddress(cString(pci.BusId[:]))
	}
	if major, minor, r := c.dev.GetCudaComputeCapability(); r == nvml.SUCCESS {
		c.Capability = strconv.Itoa(major) + "." + strconv.Itoa(minor)
	}
	if used, total, r := memory(c.dev); r == nvml.SUCCESS && used.Known() {
		c.Memory = total
	}
	if mw, r := c.dev.GetEnforcedPowerLimit(); r == nvml.SUCCESS {
		c.PowerLimit = Figure(mw) / 1e3
	}
	if mode, _, r := c.dev.GetMigMode(); r == nvml.SUCCESS && mode == nvml.DEVICE_MIG_ENABLE {
		c.MIG = true
		c.Instances = instances(c.dev)
	}
}

func instances(d device) []Instance {
	var out []Instance
	n, r := d.GetMaxMigDeviceCount()
	if r != nvml.SUCCESS {
		return nil
	}
	for i := range n {
		m, r := d.GetMigDeviceHandleByIndex(i)
		if r != nvml.SUCCESS { // the driver's maximum may exceed the number of instances
			continue
		}
		p := Instance{Name: text(m.GetName()), UUID: text(m.GetUUID())}
		p.Used, p.Memory, _ = memory(m)
		out = append(out, p)
	}
	return out
}

// memory returns the bytes that processes use and the card's total. The driver's own reserve is
// left out of the first where the driver tells it apart.
func memory(d device) (used, total Figure, r nvml.Return) {
	if m, r := d.GetMemoryInfo_v2(); r == nvml.SUCCESS {
		return Figure(m.Used), Figure(m.Total), r
	} else if r != nvml.ERROR_FUNCTION_NOT_FOUND && r != nvml.ERROR_NOT_SUPPORTED && r != nvml.ERROR_ARGUMENT_VERSION_MISMATCH {
		return Unknown, Unknown, r
	}
	m, r := d.GetMemoryInfo()
	if r != nvml.SUCCESS {
		return Unknown, Unknown, r
	}
	return Figure(m.Used), Figure(m.Total), r
}

// Read takes a sample. The error matches ErrLost if the card no longer answers. Fields that cannot
// be read are unknown and not an error.
func (c *Card) Read(now time.Time) (Sample, error) {
	s := blank()
	s.Time, s.Card = stamp(now), c.Index
	if c.dev == nil {
		return s, &Error{Op: "card", Code: int(nvml.ERROR_GPU_IS_LOST), Detail: "GPU is lost"}
	}
	next := mark{at: now, watts: Unknown, links: [2]Figure{Unknown, Unknown}}
	err := c.fields(append(c.state(&s, &next), c.traffic(&s, &next)...), now)
	s.Energy = energy(c.last, next)
	s.NVLinkSent, s.NVLinkReceived = flow(c.last, next, 0), flow(c.last, next, 1)
	c.last = next
	return s, err
}

// state are the readings of the card itself.
func (c *Card) state(s *Sample, next *mark) []reading {
	return []reading{
		{"memory", func() (r nvml.Return) { s.MemoryUsed, s.MemoryTotal, r = memory(c.dev); return }},
		{"utilization", func() nvml.Return {
			u, r := c.dev.GetUtilizationRates()
			s.Utilization, s.MemoryBusy = when(r, u.Gpu), when(r, u.Memory)
			return r
		}},
		{"power", func() nvml.Return {
			mw, r := c.dev.GetPowerUsage()
			s.Power = when(r, mw) / 1e3
			next.watts = s.Power
			return r
		}},
		{"energy", func() (r nvml.Return) {
			next.millijou, r = c.dev.GetTotalEnergyConsumption()
			next.counted = r == nvml.SUCCESS
			return
		}},
		{"temperature", func() nvml.Return {
			t, r := c.dev.GetTemperature(nvml.TEMPERATURE_GPU)
			s.Temperature = when(r, t)
			return r
		}},
		{"sm_clock", func() nvml.Return {
			mhz, r := c.dev.GetClockInfo(nvml.CLOCK_SM)
			s.SMClock = when(r, mhz)
			return r
		}},
		{"memory_clock", func() nvml.Return {
			mhz, r := c.dev.GetClockInfo(nvml.CLOCK_MEM)
			s.MemoryClock = when(r, mhz)
			return r
		}},
		{"processes", func() nvml.Return {
			ps, r := c.dev.GetComputeRunningProcesses()
			if r == nvml.SUCCESS {
				s.Processes, s.OwnMemory = processes(ps, c.Own)
			}
			return r
		}},
	}
}

// reading is one field and the call that reads it.
type reading struct {
	field string
	read  func() nvml.Return
}

// fieldsOf returns the card's values of the fields with these numbers, over all links.
func (c *Card) fieldsOf(ids ...uint32) ([]Figure, nvml.Return) {
	values := make([]nvml.FieldValue, len(ids))
	for i, id := range ids {
		values[i] = nvml.FieldValue{FieldId: id, ScopeId: math.MaxUint32}
	}
	if r := c.dev.GetFieldValues(values); r != nvml.SUCCESS {
		return nil, r
	}
	out := make([]Figure, len(ids))
	for i, v := range values {
		switch r := nvml.Return(v.NvmlReturn); r {
		case nvml.SUCCESS:
			out[i] = Figure(binary.NativeEndian.Uint64(v.Value[:]))
		case nvml.ERROR_INVALID_ARGUMENT, nvml.ERROR_NOT_FOUND: // this card or driver has no such field
			return nil, nvml.ERROR_NOT_SUPPORTED
		default:
			return nil, r
		}
	}
	return out, nvml.SUCCESS
}

// fields makes the readings that may succeed. A reading that can never succeed becomes a gap and is
// not tried again. A reading that fails this time leaves its field unknown. An invalid argument is
// a reading that the card does not have; where all readings are, it is the card that is gone.
func (c *Card) fields(rs []reading, now time.Time) error {
	var invalid []*Error
	made := 0
	for _, f := range rs {
		if slices.ContainsFunc(c.gaps, func(g Gap) bool { return g.Field == f.field }) {
			continue
		}
		r := f.read()
		made++
		if r == nvml.ERROR_GPU_IS_LOST || r == nvml.ERROR_UNINITIALIZED {
			return &Error{Op: f.field, Code: int(nvml.ERROR_GPU_IS_LOST), Detail: nvml.ErrorString(r)}
		}
		if err := (&Error{Op: f.field, Code: int(r), Detail: nvml.ErrorString(r)}); kinds[err.Code] != nil {
			c.gap(now, f.field, err)
		}
		if r == nvml.ERROR_INVALID_ARGUMENT {
			invalid = append(invalid, &Error{Op: f.field, Code: int(nvml.ERROR_NOT_SUPPORTED), Detail: nvml.ErrorString(r)})
		}
	}
	if made > 0 && len(invalid) == made {
		return &Error{Op: invalid[0].Op, Code: int(nvml.ERROR_GPU_IS_LOST), Detail: invalid[0].Detail}
	}
	for _, err := range invalid {
		c.gap(now, err.Op, err)
	}
	return nil
}

func (c *Card) gap(now time.Time, field string, err *Error) {
	reason := strings.ToLower(err.Detail)
	if kind := kinds[err.Code]; kind != nil {
		reason = kind.Error()
	}
	if c.MIG && field == "utilization" {
		reason = "MIG is on, and the driver tells utilisation of whole cards only"
	}
	c.gaps = append(c.gaps, Gap{Event: "gap", Time: stamp(now), Card: c.Index, Field: field, Reason: reason})
}

// processes converts NVML's list and adds up the memory of this process and of others.
func processes(list []nvml.ProcessInfo, others []int) (ps []Process, own Figure) {
	for _, p := range list {
		m := Figure(p.UsedGpuMemory)
		if p.UsedGpuMemory == ^uint64(0) {
			m = Unknown
		}
		ps = append(ps, Process{PID: int(p.Pid), Memory: m})
		if pid := int(p.Pid); pid == os.Getpid() || slices.Contains(others, pid) {
			own += m
		}
	}
	return ps, own
}

// when is x if the call r succeeded, else Unknown.
func when(r nvml.Return, x uint32) Figure {
	if r != nvml.SUCCESS {
		return Unknown
	}
	return Figure(x)
}

func text(s string, r nvml.Return) string {
	if r != nvml.SUCCESS {
		return ""
	}
	return s
}

func cString[T int8 | uint8](b []T) string {
	var s strings.Builder
	for _, c := range b {
		if c == 0 {
			break
		}
		s.WriteByte(byte(c))
	}
	return s.String()
}
