package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// sameNumbers is the program "same A B" of the scripts: two texts that differ in numbers alone, and
// in none by more than 1e-6, which is what float32 keeps of a correlation.
func sameNumbers() {
	var fields [2][]string
	for i := range fields {
		text, err := os.ReadFile(os.Args[i+1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fields[i] = strings.Fields(string(text))
	}
	numbers := 0
	for i, a := range fields[0] {
		if i >= len(fields[1]) {
			break
		}
		b := fields[1][i]
		x, err := strconv.ParseFloat(strings.TrimRight(a, ","), 64)
		y, other := strconv.ParseFloat(strings.TrimRight(b, ","), 64)
		if err == nil {
			numbers++
		}
		if a != b && (err != nil || other != nil || !(math.Abs(x-y) <= 1e-6)) {
			fmt.Fprintf(os.Stderr, "%s: want %s, have %s\n", os.Args[1], b, a)
			os.Exit(1)
		}
	}
	if len(fields[0]) != len(fields[1]) || numbers == 0 {
		fmt.Fprintf(os.Stderr, "%d words, %d numbers among them, and %d words\n", len(fields[0]), numbers, len(fields[1]))
		os.Exit(1)
	}
}
