package bench

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/engine/gpu"
)

var serve = flag.String("serve", "", "NET,DEVICE,PHASE: TestServe times steps on request, as bench/peers/worker.py does")

// tune tells whether programs on a card time cuDNN's proposals: SHAKE_AUTOTUNE, as for the command.
func tune() bool { return os.Getenv("SHAKE_AUTOTUNE") != "0" }

// TestServe is our side of bench/peers/compare.py, in one process for all rounds. It reads a number
// of steps a line on stdin and answers with rates as JSON, a list of [img/s, images a core-second].
// On the CPU it gives a rate for each step. On a card it gives one for all steps of the line, by
// the clock from the first launch to the last result.
func TestServe(t *testing.T) {
	if *serve == "" {
		t.Skip("-serve names no network: only bench/peers/compare.py asks for this")
	}
	parts := strings.Split(*serve, ",")
	if len(parts) != 3 {
		t.Fatalf("-serve %s: want NET,DEVICE,PHASE", *serve)
	}
	net, device, phase := parts[0], parts[1], parts[2]
	backend, precision, warmUp := engine.Backend(cpu.Backend{}), "", 1
	if device == "cuda" {
		backend, precision, warmUp = gpu.Backend{Tune: tune()}, "bf16", 50
	}
	prog, batch, step := stepper(t, net, 0, backend, precision)
	if phase == "eval" {
		step = func() {
			if _, err := prog.Eval(0, batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	rate := func(n int) [2]float64 {
		from, start := cpuTime(), time.Now()
		for range n {
			step()
		}
		if _, err := prog.Metrics(true); err != nil {
			t.Fatal(err)
		}
		images := float64(batch * n)
		return [2]float64{images / time.Since(start).Seconds(), images / (cpuTime() - from).Seconds()}
	}
	rate(warmUp)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil || n < 1 {
			t.Fatalf("want a number of steps, have %q", lines.Text())
		}
		var rates [][2]float64
		if device == "cuda" {
			rates = [][2]float64{rate(n)}
		} else {
			for range n {
				rates = append(rates, rate(1))
			}
		}
		b, err := json.Marshal(rates)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(string(b))
	}
}
