package pileus

import (
	"context"
	"errors"
	"fmt"
	"os"

	"pileus/chainspec"
	"pileus/executor"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/pvf"
	"pileus/scale"
)

// Validation replays PoV files as a validator does.
type Validation struct {
	Chain    string // chain spec of the parachain; or
	Wasm     string // its runtime; or
	Runtime  string // a stage of the guide's chain that is built in; none of the three: phase3
	CacheDir string // compiled runtimes; empty: none
}

// Validated is what became of one PoV.
type Validated struct {
	File   string
	Result *primitives.ValidationResult
	Err    error
}

// String is one line for a person.
func (v Validated) String() string {
	var invalid *pvf.Error
	var file *os.PathError
	switch {
	case errors.As(v.Err, &invalid):
		return fmt.Sprintf("%s: invalid: %s", v.File, inWords(v.Err.Error()))
	case errors.As(v.Err, &file):
		return fmt.Sprintf("%s: cannot be read: %v", v.File, file.Err)
	case v.Err != nil:
		return fmt.Sprintf("%s: cannot be read: %v", v.File, v.Err)
	}
	head := "head of " + fmt.Sprint(len(v.Result.HeadData)) + " bytes"
	var h primitives.Header
	if scale.Decode(v.Result.HeadData, &h) == nil {
		head = fmt.Sprintf("block #%d %s", h.Number, primitives.ParaHeadHash(v.Result.HeadData))
	}
	return fmt.Sprintf("%s: valid: %s, %d upward and %d horizontal messages, watermark #%d", v.File, head,
		len(v.Result.UpwardMessages), len(v.Result.HorizontalMessages), v.Result.HrmpWatermark)
}

// maxPoVFile bounds a PoV file, in bytes.
const maxPoVFile = primitives.PoVBombLimit + 1<<20

// Run replays the files. A wrong setting is a [*SettingError]; any other error says that at least one is invalid or cannot be read;
// what was found is returned for each file up to then.
func (v Validation) Run(ctx context.Context, files []string) (list []Validated, err error) {
	s := Defaults()
	s.Chain, s.Wasm, s.Runtime = v.Chain, v.Wasm, v.Runtime
	if err := s.Validate(); err != nil {
		return nil, err
	}
	spec, err := s.Spec()
	if err != nil {
		return nil, err
	}
	engine, err := executor.NewEngine(ctx, executor.Config{CacheDir: v.CacheDir})
	if err != nil {
		return nil, err
	}
	defer engine.Close(context.Background())
	code := spec.Code()
	if len(code) == 0 {
		return nil, chainspec.ErrNoCode
	}
	validator := pvf.New(engine, false)
	failed := 0
	for _, file := range files {
		r := Validated{File: file}
		r.Result, r.Err = replay(ctx, validator, code, file)
		if ctx.Err() != nil {
			return list, ctx.Err()
		}
		if r.Err != nil {
			failed++
		}
		list = append(list, r)
	}
	if failed > 0 {
		err = fmt.Errorf("%d of %d PoVs cannot be shown to be valid", failed, len(files))
	}
	return list, err
}

func replay(ctx context.Context, v *pvf.Validator, code []byte, file string) (*primitives.ValidationResult, error) {
	raw, err := readFile(file, maxPoVFile)
	if err != nil {
		return nil, err
	}
	var pov primitives.ExportedPoV
	if err := scale.Decode(raw, &pov); err != nil {
		return nil, fmt.Errorf("no PoV file, or one cut short: %w", err)
	}
	return v.Validate(ctx, &pvf.Job{
		Code: code, CodeHash: hashing.Blake2b256(code), ParentHead: pov.Data.ParentHead, PoV: &pov.PoV,
		RelayParentNumber: pov.Data.RelayParentNumber, RelayParentStorageRoot: pov.Data.RelayParentStorageRoot,
	})
}
