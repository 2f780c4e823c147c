package cuda

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed *.cu
var texts embed.FS

// builder collects the constants of one kernel in front of the texts that use them. It also keeps
// the first invalid field.
type builder struct {
	kernel string
	sb     strings.Builder
	args   []Arg
	err    error
}

func newBuilder(kernel string) *builder {
	b := &builder{kernel: kernel}
	b.include("programmatic")
	return b
}

// want remembers the first field whose condition fails.
func (b *builder) want(ok bool, field, want string, have any) {
	if !ok && b.err == nil {
		b.err = &SpecError{Kernel: b.kernel, Field: field, Want: want, Have: fmt.Sprint(have)}
	}
}

func (b *builder) line(format string, args ...any) { fmt.Fprintf(&b.sb, format+"\n", args...) }

// ints writes name, value pairs as constants.
func (b *builder) ints(pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		b.line("constexpr int %s = %d;", pairs[i], pairs[i+1])
	}
}

func (b *builder) bool(name string, v bool) { b.line("constexpr bool %s = %t;", name, v) }

// each defines a macro that applies its argument to 0 .. n-1.
func (b *builder) each(name string, n int) {
	var sb strings.Builder
	for i := range n {
		fmt.Fprintf(&sb, " F(%d)", i)
	}
	b.line("#define %s(F)%s", name, sb.String())
}

// add names the next arguments: "name" is a pointer, "name:u" an unsigned int, "name:i" an int,
// "name:l" a long long, "name:f" a float.
func (b *builder) add(names ...string) {
	kinds := map[string]ArgKind{"": Pointer, "u": Uint32, "i": Int32, "l": Int64, "f": Float32}
	for _, s := range names {
		name, kind, _ := strings.Cut(s, ":")
		b.args = append(b.args, Arg{name, kinds[kind]})
	}
}

// addNumbered adds names with their number, such as "g%d" with 3.
func (b *builder) addNumbered(k int, names ...string) {
	for _, name := range names {
		b.add(fmt.Sprintf(name, k))
	}
}

// include appends embedded texts. In front of philox stand the numbers of the modes.
func (b *builder) include(names ...string) {
	for _, name := range names {
		if name == "philox" {
			for mode, constant := range modeNames {
				b.ints(constant, mode)
			}
		}
		text, err := texts.ReadFile(name + ".cu")
		if err != nil {
			panic(err) // the name is a constant of this package
		}
		b.sb.Write(text)
	}
}

// done makes the kernel, or the error.
func (b *builder) done(k Kernel) (*Kernel, error) {
	if b.err != nil {
		return nil, b.err
	}
	k.Text, k.Entry, k.Args, k.Options = b.sb.String(), b.kernel, b.args, []string{"--std=c++17", "--device-as-default-execution-space"}
	return &k, nil
}

// double writes v so that reading it back gives the same bits.
func double(v float64) string { return strconv.FormatFloat(v, 'x', -1, 64) }

// float writes v, rounded to float32, so that reading it back gives the same bits.
func float(v float64) string { return strconv.FormatFloat(float64(float32(v)), 'x', -1, 32) + "f" }

// slice declares a struct that describes s.
func (b *builder) slice(name string, s Slice) { b.line("struct %s { %s };", name, s.fields()) }

func (s Slice) fields() string {
	return fmt.Sprintf("static constexpr int OFF = %d, C = %d, PITCH = %d;", s.Off, s.C, s.Pitch)
}

func (n *NormRef) fields() string {
	if n == nil {
		return " static constexpr bool NORM = false; static constexpr int NORM_C = 0, NORM_OFF = 0;"
	}
	return fmt.Sprintf(" static constexpr bool NORM = true; static constexpr int NORM_C = %d, NORM_OFF = %d;", n.C, n.Off)
}

// view declares a struct that describes v; nil is an absent one.
func (b *builder) view(name string, v *View) {
	present := v != nil
	if !present {
		v = &View{Slice: Slice{C: 1, Pitch: 1}}
	}
	b.line("struct %s { static constexpr bool PRESENT = %t, RELU = %t; %s%s };", name, present, v.ReLU, v.Slice.fields(), v.Norm.fields())
}

// draw declares a struct that describes d; nil is an absent one.
func (b *builder) draw(name string, d *Draw) {
	if d == nil {
		b.line("struct %s { static constexpr bool PRESENT = false; };", name)
		return
	}
	b.want(d.Branches >= 1 && d.Branches <= 64, "Draw.Branches", "1 to 64", d.Branches)
	drop := d.Forward == Drop
	b.want(d.Forward == Even || d.Forward == Shaken || drop, "Draw.Forward", "Even, Shaken or Drop", d.Forward)
	b.want(d.Backward >= Even && d.Backward <= Drop, "Draw.Backward", "a mode", d.Backward)
	b.want(drop && d.Backward == Keep || drop == (d.Backward == Drop), "Draw.Backward", "Drop or Keep with Drop, and Drop with nothing else", d.Backward)
	b.want(d.Backward < M1 || d.Backward > M5 || d.Branches == 2, "Draw.Branches", "2 with M1 to M5", d.Branches)
	b.want(d.Level == ImageLevel || d.Level == BatchLevel, "Draw.Level", "ImageLevel or BatchLevel", d.Level)
	b.want((d.Low < d.High || drop && d.Low == d.High) && d.Low-d.Low == 0 && d.High-d.High == 0, "Draw.Low", "a finite number below High", d.Low)
	if b.err != nil {
		return
	}
	b.line("struct %s { static constexpr bool PRESENT = true, BATCH = %t; static constexpr int BRANCHES = %d, FORWARD = %s, BACKWARD = %s;", name, d.Level == BatchLevel,
		d.Branches, modeNames[d.Forward], modeNames[d.Backward])
	b.line("  static __device__ __forceinline__ double low() { return %s; }", double(d.Low))
	if drop {
		for _, f := range []struct {
			name string
			v    float64
		}{{"back_low", d.BackLow}, {"back_high", d.BackHigh}, {"open", d.Open}, {"expected", d.Expected}} {
			b.line("  static __device__ __forceinline__ double %s() { return %s; }", f.name, double(f.v))
		}
	} else {
		b.line("  static __device__ __forceinline__ double expected() { return 1 / (double)%d; }", d.Branches)
	}
	b.line("  static __device__ __forceinline__ double high() { return %s; } };", double(d.High))
}

// fits checks a slice by name.
func (b *builder) fits(name string, s Slice) {
	b.want(s.C >= 1, name+".C", "at least 1", s.C)
	b.want(s.Off >= 0, name+".Off", "at least 0", s.Off)
	b.want(s.Off+s.C <= s.Pitch, name, "channels within the pitch", fmt.Sprintf("%d from %d of %d", s.C, s.Off, s.Pitch))
}

func (b *builder) norm(name string, n *NormRef, c int) {
	if n != nil {
		b.want(n.Off >= 0 && n.Off+c <= n.C, name+".Norm", fmt.Sprintf("room for %d channels", c), fmt.Sprintf("%d from %d", n.C, n.Off))
	}
}

// same checks that an operand has as many channels as the output.
func (b *builder) same(name string, s Slice, c int) {
	b.fits(name, s)
	b.want(s.C == c, name+".C", strconv.Itoa(c), s.C)
}
