package cuda

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"

	"shake/csrc/emu"
	driver "shake/cudnn/cuda"
)

func TestMain(m *testing.M) { emu.Main(m) }

// device is the card, or the emulated one, that all tests of the package share. Its context belongs
// to one goroutine, locked to its thread.
var device struct {
	once sync.Once
	err  error
	work chan func()
	ctx  *driver.Context
	s    *driver.Stream
}

func openDevice() error {
	device.once.Do(func() {
		ready := make(chan error)
		device.work = make(chan func())
		go func() {
			runtime.LockOSThread()
			ready <- func() error {
				all, err := driver.Devices()
				if err == nil && len(all) == 0 {
					err = errors.New("no device")
				}
				if err != nil {
					return err
				}
				if device.ctx, err = all[0].Primary(); err != nil {
					return err
				}
				if err := device.ctx.SetCurrent(); err != nil {
					return err
				}
				device.s, err = device.ctx.NewStream()
				return err
			}()
			for f := range device.work {
				f()
			}
		}()
		device.err = <-ready
	})
	return device.err
}

// run specialises, compiles and launches a kernel for n. The results stay in the memories.
// Arguments are by name: *memory, nil or a number.
func run(t testing.TB, s Spec, n int, args map[string]any) {
	t.Helper()
	emu.Require(t)
	if err := openDevice(); err != nil {
		if os.Getenv(emu.RequireVariable) == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	k, err := s.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	before := contents(args)
	if err := launch(k, n, args, false); err != nil {
		t.Fatalf("%s: %v", k.Entry, err)
	}
	if !programmatic(k) {
		return
	}
	plain := contents(args)
	for m, b := range before {
		m.data = bytes.Clone(b)
	}
	if err := launch(k.Programmatic(), n, args, true); err != nil {
		t.Fatalf("%s in a programmatic launch: %v", k.Entry, err)
	}
	for m, b := range plain {
		if !bytes.Equal(m.data, b) {
			t.Fatalf("%s in a programmatic launch leaves other bits in an argument of %d bytes", k.Entry, len(b))
		}
	}
}

// launch runs a kernel on the device's thread.
func launch(k *Kernel, n int, args map[string]any, behind bool) error {
	done := make(chan error)
	device.work <- func() { done <- launchHere(k, n, args, behind) }
	return <-done
}

// launchHere runs k. Behind another kernel that writes its arguments, the launch is programmatic.
func launchHere(k *Kernel, n int, args map[string]any, behind bool) (err error) {
	var closers []interface{ Close() error }
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- {
			err = errors.Join(err, closers[i].Close())
		}
	}()
	text, options, entry := k.Source()
	b, err := driver.DefaultKernelCache().Compile(text, entry+".cu", append(options, "--gpu-architecture="+device.ctx.Device().Arch()))
	if err != nil {
		return err
	}
	m, err := device.ctx.LoadModule(b.Image)
	if err != nil {
		return err
	}
	closers = append(closers, m)
	f, err := m.Function(entry)
	if err != nil {
		return err
	}
	held := map[*memory]*driver.Memory{}
	var list []any
	var moves []uint64
	for _, a := range k.Args {
		v, ok := args[a.Name]
		if !ok {
			return errors.New("argument " + a.Name + " is not given")
		}
		switch v := v.(type) {
		case int:
			list = append(list, map[ArgKind]any{Int32: int32(v), Uint32: uint32(v), Int64: int64(v)}[a.Kind])
		case *memory:
			if v == nil || len(v.data) == 0 {
				list = append(list, driver.Ptr(0))
				break
			}
			if held[v] == nil {
				if held[v], err = device.ctx.Alloc(int64(len(v.data))); err != nil {
					return err
				}
				closers = append(closers, held[v])
				at := held[v]
				if behind && !constants[a.Name] {
					if at, err = device.ctx.Alloc(int64(len(v.data))); err != nil {
						return err
					}
					closers = append(closers, at)
					moves = append(moves, uint64(at.Ptr()), uint64(held[v].Ptr()), uint64(len(v.data)))
				}
				if err := device.s.CopyToDevice(at.Ptr(), v.data); err != nil {
					return err
				}
			}
			list = append(list, held[v].Ptr())
		default:
			list = append(list, driver.Ptr(0))
		}
	}
	l := k.Launch(n)
	if err := f.SetMaxDynamicShared(int(l.Shared)); err != nil {
		return err
	}
	c, err := f.NewCall(driver.Launch{Grid: l.Grid, Block: l.Block, Shared: l.Shared, Cooperative: l.Cooperative, Programmatic: behind}, list...)
	if err != nil {
		return err
	}
	closers = append(closers, c)
	if behind {
		front, err := writes(moves)
		closers = append(closers, front...)
		if err != nil {
			return err
		}
	}
	if err := c.Run(device.s); err != nil {
		return err
	}
	for v, on := range held {
		if err := device.s.CopyToHost(v.data, on.Ptr()); err != nil {
			return err
		}
	}
	return device.s.Synchronize()
}
