package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"shake/internal/train"
)

// TestEvalResult holds eval --json to JSON's numbers: a figure that is not finite, the error of a
// class without images and a top-5 error of few classes are null.
func TestEvalResult(t *testing.T) {
	ev := &train.Evaluation{TestError: 90, TestLoss: math.NaN(), Errors: 9, Images: 10}
	b, err := json.Marshal(newEvalResult("test", ev, &train.Tally{Confusion: [][]int{{1, 8}, {0, 0}}, None: []int{1, 0}}, []string{"cat"}))
	want := `{"on":"test","test_error":90,"test_loss":null,"errors":9,"images":10,"top5_error":null,"classes":[` +
		`{"class":0,"name":"cat","images":10,"errors":9,"error":90},{"class":1,"images":0,"errors":0,"error":null}]}`
	if err != nil || strings.TrimSpace(string(b)) != want {
		t.Errorf("have %s, %v\nwant %s", b, err, want)
	}
}
