package config

import "reflect"

// Sample has a key of each kind, because Config has none of some.
type Sample struct {
	Name  string            `yaml:"name" default:"x" max:"8" change:"live" help:"a text"`
	Tags  map[string]string `yaml:"tags" default:"a=1" max:"3" match:"[a-z]+" want:"small letters" change:"live" help:"a map"`
	Words []string          `yaml:"words" alias:"old_words" default:"one" of:"one,two,three" change:"live" help:"a list"`
	Deep  struct {
		Most int `yaml:"most" default:"1" max:"9" change:"live" help:"a number"`
	} `yaml:"deep" help:"a section"`
}

// LoadSample is Load for a Sample.
func LoadSample(s Sources) (*Sample, func(key string) Origin, error) {
	return LoadSampleAfter(s, func(string) {})
}

// LoadSampleAfter is LoadSample, and calls before with the path of each file that is
// about to be read.
func LoadSampleAfter(s Sources, before func(path string)) (*Sample, func(key string) Origin, error) {
	l := newLoader(newTable(reflect.TypeFor[Sample]()), new(Sample))
	l.read = func(path string) ([]byte, error) {
		before(path)
		return readFile(path)
	}
	l.run(s)
	return l.target.(*Sample), func(key string) Origin { return l.origins[key] }, l.errs.err()
}

// SampleSchema is Schema for a Sample.
func SampleSchema() []byte { return newTable(reflect.TypeFor[Sample]()).schema() }

// Bounds of what is read.
const (
	MaxFile  = maxFile
	MaxTotal = maxTotal
	MaxFiles = maxFiles
)

// ParseDuration and DurationText are what durations are read and written with.
var (
	ParseDuration = parseDuration
	DurationText  = durationText
)

// ParseSample is Parse for a Sample.
func ParseSample(text []byte) (*Sample, error) {
	l := newLoader(newTable(reflect.TypeFor[Sample]()), new(Sample))
	l.file(file{"f", text})
	return l.target.(*Sample), l.errs.err()
}
