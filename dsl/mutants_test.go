package dsl

import (
	"testing"

	"shake/internal/files/filestest"
)

// TestMutants: a spoilt network is refused with places, in bounded memory. The checks of a network
// keep trees of their input, so the allowance is large.
func TestMutants(t *testing.T) {
	var texts [][]byte
	for _, s := range seeds() {
		texts = append(texts, []byte(s))
	}
	filestest.Mutants(t, texts, 64<<20, func(b []byte) error {
		_, err := builtin.Parse("x.toml", b)
		return err
	}, func(err error) bool {
		es, ok := err.(Errors)
		return ok && len(es) > 0 && es[0].File != ""
	})
}
