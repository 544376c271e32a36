package wire

// Store is how a field lies in its block.
type Store uint8

// The ways.
const (
	Number   Store = iota + 1 // in the fixed part
	Numbers                   // several, one behind the other
	UUID                      // 16 bytes of the fixed part
	Text                      // a string of the heap
	Texts                     // several strings, one behind the other
	List                      // two: texts with a space between them, and where each ends
	Line                      // the first of these two, which the next field has
	Pairs                     // one that holds names and values: see pairs.go
	Computed                  // nowhere: it follows from others
)

// Step is a field as the builder walks it: small, and with the place of the value
// in the struct instead of a function that returns it. An event has some fifty
// fields, and calls through functions were half of its cost (BenchmarkEvent,
// op=build/from=whole).
type Step struct {
	do     action // see Plan
	Bit    uint8
	Width  uint8
	Count  uint8
	At     uint16 // of the value in the struct
	Stride uint16 // from one element of a run to the next
	Off    uint16 // of the number in the block
	Limit  uint16 // bytes of text
	Cut    uint64 // flags of an event in which the text was longer
	Store  Store
	Only   uint8 // the operation that alone has it; 0: all
	Maybe  bool  // a number that may be missing, and counts from 1 on in the struct
	Zero   bool  // the number 0 is there as well
	Joined bool  // NULs in the text become spaces
	Line   bool  // the step before is the line of this list
}

// action is what the builder does with a value: one branch decides, because most of
// the cost of a small field is in its branches.
type action uint8

const (
	doOther action = iota // what is rare: see writer.other
	doU32
	doU64
	doMaybe32
	doMaybe64
	doText
	doTexts
	doNumbers
)

// Plan decides what Shape.Append does in each step, and returns them.
func Plan(steps []Step) []Step {
	for i := range steps {
		steps[i].do = steps[i].action()
	}
	return steps
}

func (s *Step) action() action {
	switch {
	case s.Store == Number && s.Maybe && s.Width == 4:
		return doMaybe32
	case s.Store == Number && s.Maybe:
		return doMaybe64
	case s.Store == Number && s.Only == 0 && s.Width == 4:
		return doU32
	case s.Store == Number && s.Only == 0 && s.Width == 8:
		return doU64
	case s.Store == Text && !s.Joined:
		return doText
	case s.Store == Texts:
		return doTexts
	case s.Store == Numbers:
		return doNumbers
	}
	return doOther
}
