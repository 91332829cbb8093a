package config

import (
	"fmt"
	"math"
	"strconv"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes. As text it takes a unit: kB, MB and GB are
// powers of 1000, KiB, MiB and GiB powers of 1024.
type Size int64

// UnmarshalText reads "64MiB", "1MB" or "1000000".
func (s *Size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("%q is not a size such as 1MB or 64MiB", text)
	}
	*s = Size(n)
	return nil
}

// String gives the shortest exact form that UnmarshalText reads.
func (s Size) String() string {
	units := []struct {
		name  string
		bytes Size
	}{{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}}
	for _, u := range units {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
