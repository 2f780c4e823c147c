package cpu

import (
	"strings"
	"testing"
)

func TestISA(t *testing.T) {
	was, err := ISA()
	if err != nil {
		t.Skip(err) // SHAKE_CPU names a set that this machine lacks
	}
	defer forceISA(was)
	if err := forceISA("avx1024"); err == nil || !strings.Contains(err.Error(), "want avx512, avx2 or portable") {
		t.Errorf("unknown set: %v", err)
	}
	if have, _ := ISA(); have != was {
		t.Errorf("a failed choice left %s, want %s", have, was)
	}
	if err := forceISA("portable"); err != nil {
		t.Fatal(err)
	}
	if have, _ := ISA(); have != "portable" {
		t.Errorf("have %s, want portable", have)
	}
}
