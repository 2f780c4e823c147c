package gpu

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/nets"
)

// everything is all that a recipe may have.
var everything = Recipe{Clip: true, Average: true, Mixup: true}

// everyList calls f with the list of a network of each family in its own batch, and of every
// variant, in 16 and 32 bits. Under make check it has them with a loss scale, and the other
// networks too, in bfloat16, but for densenet-bc-190-40, which is densenet-bc-100-12 with more
// blocks.
func everyList(t *testing.T, f func(t *testing.T, l *List)) {
	exhaustive.Sequential(t)
	types := map[string]kernels.Type{"bf16": kernels.BF16, "fp32": kernels.F32}
	families := []string{"26-2x32d", "resnext29", "resnet20"}
	names := families
	if exhaustive.On() {
		types["fp16"] = kernels.F16
		names = slices.DeleteFunc(nets.Names(), func(name string) bool { return name == "densenet-bc-190-40" })
	}
	for _, name := range names {
		s, err := nets.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for typ, ty := range types {
			if ty == kernels.BF16 || slices.Contains(families, name) {
				t.Run(name+"/"+typ, func(t *testing.T) { f(t, list(t, s, ty, s.Train.Batch, s.Train.Replicas)) })
			}
		}
	}
	for name, s := range variants() {
		for typ, ty := range types {
			t.Run(name+"/"+typ, func(t *testing.T) { f(t, list(t, s, ty, 6, 2)) })
			if name == "26" {
				t.Run(name+"/"+typ+"/everything", func(t *testing.T) {
					l, err := Lower(build(t, s), ty, 6, 2, everything)
					if err != nil {
						t.Fatal(err)
					}
					f(t, l)
				})
			}
			t.Run(name+"/"+typ+"/one of two cards", func(t *testing.T) {
				g, err := graph.Build(s)
				if err != nil {
					t.Fatal(err)
				}
				l, err := LowerShare(g, ty, 3, 1, everything, Several{All: 6, First: 1, Bucket: 4 << 10})
				if err != nil {
					t.Fatal(err)
				}
				f(t, l)
			})
		}
	}
}

// reach is, for every op, the ops from which a path leads to it: along its stream, and along edges.
// It is made from the items alone.
func reach(items []Item) []bits {
	out := make([]bits, len(items))
	for i, it := range items {
		out[i] = newBits(len(items))
		from := slices.Clone(it.After)
		for j := range i {
			if items[j].Stream == it.Stream {
				from = append(from, j)
			}
		}
		for _, j := range from {
			out[i].set(j)
			out[i].or(out[j])
		}
	}
	return out
}

// stripe is bytes of device memory that an op touches: width bytes from lo on, of every pitch bytes
// up to hi.
type stripe struct {
	where     string
	lo, hi    int
	at, width int // within the pitch
	pitch     int
	write     bool
}

func (s stripe) meets(t stripe) bool {
	if s.where != t.where || !s.write && !t.write || s.lo >= t.hi || t.lo >= s.hi {
		return false
	}
	if s.lo == t.lo && s.pitch == t.pitch {
		return s.at < t.at+t.width && t.at < s.at+s.width
	}
	return true
}

// stripes are the bytes that an op touches: its buffers in the arena, its arrays, and the scratch
// of its stream.
func stripes(t *testing.T, l *List, i int) []stripe {
	var out []stripe
	for _, x := range l.touches(l.Ops[i]) {
		if x.arg.Kind == Activation {
			b, size := l.Plan.Buffers[x.arg.Index], l.Type.Size()
			out = append(out, stripe{where: "arena", lo: b.Offset, hi: b.Offset + b.Size, at: x.lo * size, width: (x.hi - x.lo) * size, pitch: round(b.C) * size, write: x.write})
			continue
		}
		out = append(out, stripe{where: fmt.Sprint(x.arg), lo: x.lo, hi: x.hi, width: 1, pitch: 1, write: x.write})
	}
	k, err := l.launch(l.Ops[i], training, engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if k != nil && (k.Kernel.Counters() > 0 || k.Kernel.Scratch(l.Batch) > 0) {
		out = append(out, stripe{where: fmt.Sprint("scratch ", l.Items[i].Stream), hi: 1, width: 1, pitch: 1, write: true})
	}
	return out
}

// pairs are any two ops of a list, the earlier one first, that touch the same bytes, one of them
// writing; with the place.
func pairs(t *testing.T, l *List) (out [][2]int, where []string) {
	var touched [][]stripe
	for i := range l.Ops {
		touched = append(touched, stripes(t, l, i))
		for j := range i {
			for _, a := range touched[i] {
				if slices.ContainsFunc(touched[j], a.meets) {
					out, where = append(out, [2]int{j, i}), append(where, fmt.Sprintf("%s from %d on", a.where, a.lo))
					break
				}
			}
		}
	}
	return out, where
}

// unordered is the number of the first pair with no path between its ops; -1 if there is none.
func unordered(items []Item, pairs [][2]int) int {
	path := reach(items)
	return slices.IndexFunc(pairs, func(p [2]int) bool { return !path[p[1]].has(p[0]) })
}

// Any two ops of any list that touch the same bytes, one of them writing, are ordered by edges.
// Every edge is needed: without it two such ops are not.
func TestEdges(t *testing.T) {
	edges := 0
	everyList(t, func(t *testing.T, l *List) {
		all, where := pairs(t, l)
		if k := unordered(l.Items, all); k >= 0 {
			i, j := all[k][0], all[k][1]
			t.Fatalf("no order between %d, %s, and %d, %s, at %s", i, l.op(l.Ops[i]), j, l.op(l.Ops[j]), where[k])
		}
		for i := range l.Items {
			after := l.Items[i].After
			for k, j := range after {
				l.Items[i].After = slices.Delete(slices.Clone(after), k, k+1)
				if unordered(l.Items, all) < 0 {
					t.Errorf("nobody misses the edge from %d, %s, to %d, %s", j, l.op(l.Ops[j]), i, l.op(l.Ops[i]))
				}
				edges++
			}
			l.Items[i].After = after
		}
	})
	if edges < 1000 {
		t.Errorf("%d edges in all", edges)
	}
}

// An op touches the places that its kernel takes as arguments, and writes the places that the
// kernel's text may write.
func TestTouches(t *testing.T) {
	fixed := []ArgKind{Null, Number, Images, StepRecord, Index, GammaAt, BetaAt, Partial, Counter, PackFrom, PackTo, TrainPixels, TrainTable, TrainLabels}
	everyList(t, func(t *testing.T, l *List) {
		for i, o := range l.Ops {
			k, err := l.launch(o, training, engine.Config{Momentum: 0.9, Flip: true, Crop: 4})
			if err != nil || k == nil {
				continue
			}
			want, have := map[Arg]bool{}, map[Arg]bool{} // written
			text := declarations(k.Kernel)
			for n, a := range k.Args {
				if a.Kind == Storage && l.Type == kernels.F32 {
					a.Kind = Weights
				}
				if a.Kind >= Weights && a.Kind <= Storage {
					if s, ok := o.(*SGD); ok && a.Index != s.Lo {
						t.Errorf("op %d, %s: begins at %d", i, l.op(o), a.Index)
					}
					a.Index = 0
				}
				if !slices.Contains(fixed, a.Kind) {
					want[a] = want[a] || writes(t, k.Kernel, text, k.Kernel.Args[n].Name)
				}
			}
			for _, x := range l.touches(o) {
				have[x.arg] = have[x.arg] || x.write
			}
			if _, ok := o.(*GradSum); ok {
				sumsWrite(o.(*GradSum), want)
			}
			if fmt.Sprint(want) != fmt.Sprint(have) {
				t.Errorf("op %d, %s:\nkernel takes %v\nop touches  %v", i, l.op(o), want, have)
			}
		}
	})
}

// sumsWrite corrects the writes in gradsum's text, which has all its forms: without Write it only
// reads dst, and parameters and their gradients are for sums alone.
func sumsWrite(o *GradSum, want map[Arg]bool) {
	want[buffer(o.Dst.Buf)] = o.Write
	if len(o.Sums) == 0 {
		delete(want, Arg{Kind: Weights})
		delete(want, Arg{Kind: Gradients})
	}
}

// declarations are the parts of a kernel's text that declare its arguments: the macros of numbered
// ones, and the head of the entry point.
func declarations(k *kernels.Kernel) string {
	var sb strings.Builder
	inside := false
	for line := range strings.Lines(k.Text) {
		if inside = inside || strings.HasPrefix(line, "#define ") && strings.Contains(line, "PARAMETER("); inside {
			sb.WriteString(line)
			inside = strings.HasSuffix(line, "\\\n")
		}
	}
	lo := strings.Index(k.Text, `extern "C" __global__`)
	hi := lo + strings.Index(k.Text[lo:], ") {")
	return sb.String() + k.Text[lo:hi+1]
}

// writes says whether a kernel's declarations have an argument without const.
func writes(t *testing.T, k *kernels.Kernel, text, name string) bool {
	t.Helper()
	m := regexp.MustCompile(`(const )?(?:unsigned )?\w+ \*` + strings.TrimRight(name, "0123456789") + `(?:##\w)?\W`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the text of %s declares no %s", k.Entry, name)
	}
	return m[1] == ""
}
