package config_test

import (
	"reflect"

	"github.com/daemoneye/eventbus/agent/config/reader"
)

// sample has a key of each kind, because Config has none of some.
type sample struct {
	Name  string            `yaml:"name" default:"x" max:"8" change:"live" help:"a text"`
	Tags  map[string]string `yaml:"tags" default:"a=1" max:"3" match:"[a-z]+" want:"small letters" change:"live" help:"a map"`
	Words []string          `yaml:"words" alias:"old_words" default:"one" of:"one,two,three" change:"live" help:"a list"`
	Deep  struct {
		Most int `yaml:"most" default:"1" max:"9" change:"live" help:"a number"`
	} `yaml:"deep" help:"a section"`
}

var sampleKeys = reader.NewTable(reflect.TypeFor[sample]())

// loadSample is config.Load for a sample.
func loadSample(s reader.Sources) (*sample, *reader.Result) {
	x := new(sample)
	return x, sampleKeys.Load(x, s)
}
