package ref_test

import (
	"testing"

	"shake/internal/engine/enginetest"
	"shake/internal/engine/ref"
)

func TestBackend(t *testing.T) { enginetest.Run(t, ref.Backend{}, enginetest.Float64) }
