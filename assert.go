package pileus

import (
	"errors"
	"fmt"
	"math"
	"time"

	"pileus/pipeline"
)

// Assertion is what a test expects of a report.
type Assertion func(*Report) error

// Check returns what of the assertions does not hold, joined.
func (r *Report) Check(assertions ...Assertion) error {
	var errs []error
	for _, a := range assertions {
		errs = append(errs, a(r))
	}
	return errors.Join(errs...)
}

func eachPara(f func(p *ParaReport) error) Assertion {
	return func(r *Report) error {
		if len(r.Paras) == 0 {
			return errors.New("the report has no parachain")
		}
		var errs []error
		for i := range r.Paras {
			if err := f(&r.Paras[i]); err != nil {
				errs = append(errs, fmt.Errorf("para %d: %w", r.Paras[i].ID, err))
			}
		}
		return errors.Join(errs...)
	}
}

// BlockEvery expects the mean interval between inclusions of the last stage to be d, up to a part tolerance of it.
func BlockEvery(d time.Duration, tolerance float64) Assertion {
	return eachPara(func(p *ParaReport) error {
		s := p.stage()
		if s.Interval == nil {
			return fmt.Errorf("no interval: %d blocks included, want one every %v", p.Included, d)
		}
		want := d.Seconds() * 1000
		if math.Abs(s.Interval.Mean-want) > tolerance*want {
			return fmt.Errorf("a block every %.0f ms, want %.0f", s.Interval.Mean, want)
		}
		return nil
	})
}

// NothingDropped expects that no authored block was dropped but by a session change.
func NothingDropped() Assertion {
	return eachPara(func(p *ParaReport) error {
		for _, reason := range byCount(p.Dropped) {
			if reason != pipeline.DroppedSessionChange {
				return fmt.Errorf("%d blocks dropped: %s", p.Dropped[reason], reason)
			}
		}
		return nil
	})
}

// AtLeastIncluded expects n included blocks or more.
func AtLeastIncluded(n int) Assertion {
	return eachPara(func(p *ParaReport) error {
		if p.Included < n {
			return fmt.Errorf("%d blocks included, want %d or more", p.Included, n)
		}
		return nil
	})
}

// NothingIncluded expects a stall.
func NothingIncluded() Assertion {
	return eachPara(func(p *ParaReport) error {
		if p.Included != 0 {
			return fmt.Errorf("%d blocks included, want none", p.Included)
		}
		return nil
	})
}
