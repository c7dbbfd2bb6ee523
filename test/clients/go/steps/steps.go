// Package steps reports what a program did as lines of JSON, which its runner reads.
package steps

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"
)

type line struct {
	Step         string  `json:"step"`
	Milliseconds float64 `json:"ms"`
	Error        string  `json:"error,omitempty"`
}

// Step runs one step and writes its line. A panic is its failure, as it would be the client's.
func Step(name string, run func()) {
	start := time.Now()
	ended := line{Step: name}
	func() {
		defer func() {
			if cause := recover(); cause != nil {
				ended.Error = fmt.Sprint(cause)
			}
		}()
		run()
	}()
	ended.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
	Write(ended)
}

// Write writes one line of JSON.
func Write(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, string(text))
}

// Must gives the value of a call that may not fail.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}

// Check ends the step when there is an error.
func Check(err error) {
	if err != nil {
		panic(fmt.Sprintf("%T: %v", err, err))
	}
}

// Equal ends the step when the two differ.
func Equal(got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("got %#v, want %#v", got, want))
	}
}

// That ends the step unless the condition holds.
func That(holds bool, what string) {
	if !holds {
		panic(what)
	}
}

// Pointer is the address of a copy, for optional fields.
func Pointer[T any](value T) *T { return &value }
