package cuda

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Device is one card.
type Device struct {
	ordinal, id  int
	name, bus    string
	uuid         [16]byte
	memory       int64
	major, minor int
	sms          int
}

// Devices lists the cards, in the driver's order (CUDA_VISIBLE_DEVICES applies). It starts the
// driver on first use; errors are those of Init. A driver without cards is an error, ErrNoDevice.
// (cuDeviceGetCount, cuDeviceGet)
func Devices() ([]Device, error) {
	if err := Init(); err != nil {
		return nil, err
	}
	n := cDeviceCount()
	if n.status != 0 {
		return nil, failed("Devices", n.status, "")
	}
	if n.value == 0 {
		return nil, failed("Devices", ErrNoDevice, "")
	}
	list := make([]Device, n.value)
	for i := range list {
		if err := list[i].read(i); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// read asks the driver for the device's constant properties.
func (d *Device) read(ordinal int) error {
	const op = "Devices"
	h := cDevice(ordinal)
	if h.status != 0 {
		return failed(op, h.status, "device %d", ordinal)
	}
	d.ordinal, d.id = ordinal, int(h.value)
	var s Status
	if d.name, s = cDeviceName(d.id); s != 0 {
		return failed(op, s, "name of device %d", ordinal)
	}
	if d.bus, s = cDeviceBus(d.id); s != 0 {
		return failed(op, s, "PCI address of device %d", ordinal)
	}
	u, m := cDeviceUUID(d.id), cDeviceMemory(d.id)
	if u.status != 0 || m.status != 0 {
		return failed(op, max(u.status, m.status), "identity and memory of device %d", ordinal)
	}
	binary.NativeEndian.PutUint64(d.uuid[:8], u.value)
	binary.NativeEndian.PutUint64(d.uuid[8:], u.more)
	d.memory = int64(m.value)
	for _, a := range []struct {
		attribute DeviceAttribute
		value     *int
	}{{ComputeCapabilityMajor, &d.major}, {ComputeCapabilityMinor, &d.minor}, {MultiprocessorCount, &d.sms}} {
		v, err := d.Attribute(a.attribute)
		if err != nil {
			return err
		}
		*a.value = v
	}
	return nil
}

// Ordinal returns the device's place in the driver's list.
func (d Device) Ordinal() int { return d.ordinal }

// Name returns the card's name, such as "NVIDIA H100 80GB HBM3".
func (d Device) Name() string { return d.name }

// ComputeCapability returns 9, 0 for an H100.
func (d Device) ComputeCapability() (major, minor int) { return d.major, d.minor }

// Arch returns the architecture as NVRTC's --gpu-architecture wants it, such as "sm_90".
func (d Device) Arch() string { return fmt.Sprintf("sm_%d%d", d.major, d.minor) }

// Memory returns the card's memory in bytes. Context.MemInfo returns the free part.
func (d Device) Memory() int64 { return d.memory }

// PCIBusID returns the card's address, such as "0000:3B:00.0".
func (d Device) PCIBusID() string { return d.bus }

// UUID returns the card's identity as nvidia-smi prints it.
func (d Device) UUID() string {
	u, kind := d.uuid, "GPU"
	if strings.Contains(d.name, " MIG ") {
		kind = "MIG"
	}
	return fmt.Sprintf("%s-%x-%x-%x-%x-%x", kind, u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// SMs returns the number of multiprocessors.
func (d Device) SMs() int { return d.sms }

// Programmatic returns nil if kernels can be launched with Launch.Programmatic, in captures too.
// That needs compute capability 9.0 and a driver of CUDA 12.3, whose graphs have edges of that
// type. The error matches ErrNotSupported.
func (d Device) Programmatic() error { return d.programmatic("Device.Programmatic") }

func (d Device) programmatic(op string) error {
	if d.major < 9 {
		return &Error{Op: op, Status: ErrNotSupported, Detail: fmt.Sprintf("programmatic launches need a card of compute capability 9.0, and %s has %d.%d", d.name, d.major, d.minor)}
	}
	if version, err := openDriver(); err != nil {
		return err
	} else if version < 12030 || !cHasLaunchAttributes() {
		return &Error{Op: op, Status: ErrNotSupported,
			Detail: fmt.Sprintf("programmatic launches need a driver of CUDA 12.3 (545) or newer, and this one is for CUDA %d.%d", version/1000, version%1000/10)}
	}
	return nil
}

// Attribute returns one of the device's figures. (cuDeviceGetAttribute)
func (d Device) Attribute(a DeviceAttribute) (int, error) {
	if err := Init(); err != nil {
		return 0, err
	}
	r := cDeviceAttribute(d.id, int(a))
	return int(int64(r.value)), failed("Device.Attribute", r.status, "device %d, attribute %d", d.ordinal, int(a))
}

// DeviceAttribute is a CUdevice_attribute. Attribute takes any number of cuda.h's; those below have
// names here.
type DeviceAttribute int

// Sizes are in bytes, clocks in kHz, the bus in bits.
const (
	MaxThreadsPerBlock     DeviceAttribute = 1
	MaxBlockDimX           DeviceAttribute = 2
	MaxBlockDimY           DeviceAttribute = 3
	MaxBlockDimZ           DeviceAttribute = 4
	MaxGridDimX            DeviceAttribute = 5
	MaxGridDimY            DeviceAttribute = 6
	MaxGridDimZ            DeviceAttribute = 7
	MaxSharedPerBlock      DeviceAttribute = 8
	WarpSize               DeviceAttribute = 10
	MaxRegistersPerBlock   DeviceAttribute = 12
	ClockRate              DeviceAttribute = 13
	MultiprocessorCount    DeviceAttribute = 16
	Integrated             DeviceAttribute = 18
	ComputeMode            DeviceAttribute = 20
	ECCEnabled             DeviceAttribute = 32
	MemoryClockRate        DeviceAttribute = 36
	MemoryBusWidth         DeviceAttribute = 37
	L2CacheSize            DeviceAttribute = 38
	MaxThreadsPerSM        DeviceAttribute = 39
	AsyncEngines           DeviceAttribute = 40
	UnifiedAddressing      DeviceAttribute = 41
	ComputeCapabilityMajor DeviceAttribute = 75
	ComputeCapabilityMinor DeviceAttribute = 76
	MaxSharedPerSM         DeviceAttribute = 81
	MaxRegistersPerSM      DeviceAttribute = 82
	CooperativeLaunch      DeviceAttribute = 95
	MaxSharedPerBlockOptin DeviceAttribute = 97
	MaxBlocksPerSM         DeviceAttribute = 106
)
