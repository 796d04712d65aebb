package frame

import (
	"math"

	"pileus/frame/host"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// SystemCalls are the events, errors and calls of frame_system.
type SystemCalls struct {
	extrinsicSuccess Event1[dispatchEventInfo]
	extrinsicFailed  Event2[error, dispatchEventInfo]
	codeUpdated      Event1[hashing.Hash]
	newAccount       Event1[AccountID]
	killedAccount    Event1[AccountID]
	remarked         Event2[AccountID, hashing.Hash]
	authorized       Event2[hashing.Hash, bool]
	rejected         Event2[hashing.Hash, error]

	ErrInvalidSpecName     *ModuleError
	ErrSpecVersion         *ModuleError
	ErrNoRuntimeVersion    *ModuleError
	ErrCallFiltered        *ModuleError
	ErrNothingAuthorized   *ModuleError
	ErrUnauthorized        *ModuleError
	errNonDefaultComposite *ModuleError
	errNonZeroRefCount     *ModuleError
	errMigrationsOngoing   *ModuleError
}

func (s *System) declareCalls() {
	p := &s.Pallet
	s.extrinsicSuccess = NewEvent1(p, 0, "ExtrinsicSuccess", Arg("dispatch_info", eventInfoCodec).As("DispatchEventInfo"))
	s.extrinsicFailed = NewEvent2(p, 1, "ExtrinsicFailed", Arg("dispatch_error", DispatchCodec).As("DispatchError"), Arg("dispatch_info", eventInfoCodec).As("DispatchEventInfo"))
	s.codeUpdated = NewEvent1(p, 2, "CodeUpdated", Arg("hash", Hash).As("T::Hash"))
	s.newAccount = NewEvent1(p, 3, "NewAccount", Arg("account", Account).As("T::AccountId"))
	s.killedAccount = NewEvent1(p, 4, "KilledAccount", Arg("account", Account).As("T::AccountId"))
	s.remarked = NewEvent2(p, 5, "Remarked", Arg("sender", Account).As("T::AccountId"), Arg("hash", Hash).As("T::Hash"))
	s.authorized = NewEvent2(p, 6, "UpgradeAuthorized", Arg("code_hash", Hash).As("T::Hash"), Arg("check_version", Bool).As("bool"))
	s.rejected = NewEvent2(p, 7, "RejectedInvalidAuthorizedUpgrade", Arg("code_hash", Hash).As("T::Hash"), Arg("error", DispatchCodec).As("DispatchError"))

	s.ErrInvalidSpecName = NewError(p, 0, "InvalidSpecName", "The new code has another spec name.")
	s.ErrSpecVersion = NewError(p, 1, "SpecVersionNeedsToIncrease", "The new code's spec version is not greater.")
	s.ErrNoRuntimeVersion = NewError(p, 2, "FailedToExtractRuntimeVersion", "The new code names no version.")
	s.errNonDefaultComposite = NewError(p, 3, "NonDefaultComposite", "The account still has data.")
	s.errNonZeroRefCount = NewError(p, 4, "NonZeroRefCount", "Something still refers to the account.")
	s.ErrCallFiltered = NewError(p, 5, "CallFiltered", "The runtime does not allow this call.")
	s.errMigrationsOngoing = NewError(p, 6, "MultiBlockMigrationsOngoing", "A migration is running.")
	s.ErrNothingAuthorized = NewError(p, 7, "NothingAuthorized", "No upgrade was authorized.")
	s.ErrUnauthorized = NewError(p, 8, "Unauthorized", "Another code was authorized.")

	code := Arg("code", Bytes).As("Vec<u8>")
	hash := Arg("code_hash", Hash).As("T::Hash")
	root := func(o Origin, do func() error) error {
		if err := EnsureRoot(o); err != nil {
			return err
		}
		return do()
	}
	NewCallWith(p, 0, "remark", Arg("remark", Bytes).As("Vec<u8>"), DispatchInfo{},
		func(i *DispatchInfo, b []byte) { i.CallWeight = Weight{RefTime: 1_586_000 + 10_920*uint64(len(b))} },
		func(Origin, []byte) (PostInfo, error) { return PostInfo{}, nil })
	NewCall1(p, 1, "set_heap_pages", s.DbWeight.With(Weight{RefTime: 2_836_000}, 0, 1), Arg("pages", U64).As("u64"),
		func(o Origin, n uint64) error {
			return root(o, func() error {
				host.Set(keyHeapPages, scale.AppendU64(nil, n))
				s.DepositLog(primitives.DigestItem{Kind: primitives.DigestEnvironmentUpdated})
				return nil
			})
		}).Operational()
	NewCallWith(p, 2, "set_code", code, DispatchInfo{CallWeight: s.DbWeight.With(Weight{164_247_810_000, 67_035}, 1, 1), Class: Operational}, nil,
		func(o Origin, code []byte) (PostInfo, error) { return s.setCode(o, code, true) })
	NewCallWith(p, 3, "set_code_without_checks", code, DispatchInfo{CallWeight: s.DbWeight.With(Weight{164_247_810_000, 67_035}, 1, 1), Class: Operational}, nil,
		func(o Origin, code []byte) (PostInfo, error) { return s.setCode(o, code, false) })
	NewCallWith(p, 4, "set_storage", Arg("items", Vec(PairOf(Bytes, Bytes))).As("Vec<KeyValue>"), DispatchInfo{Class: Operational},
		func(i *DispatchInfo, list []Pair[[]byte, []byte]) {
			n := uint64(len(list))
			i.CallWeight = s.DbWeight.With(Weight{RefTime: 1_565_000 + 733_648*n}, 0, n)
		},
		func(o Origin, list []Pair[[]byte, []byte]) (PostInfo, error) {
			return PostInfo{}, root(o, func() error {
				for _, kv := range list {
					host.Set(kv.First, kv.Second)
				}
				return nil
			})
		})
	NewCallWith(p, 5, "kill_storage", Arg("keys", Vec(Bytes)).As("Vec<Key>"), DispatchInfo{Class: Operational},
		func(i *DispatchInfo, list [][]byte) {
			n := uint64(len(list))
			i.CallWeight = s.DbWeight.With(Weight{RefTime: 1_624_000 + 566_903*n}, 0, n)
		},
		func(o Origin, keys [][]byte) (PostInfo, error) {
			return PostInfo{}, root(o, func() error {
				for _, k := range keys {
					host.Clear(k)
				}
				return nil
			})
		})
	NewCallWith2(p, 6, "kill_prefix", Arg("prefix", Bytes).As("Key"), Arg("subkeys", U32).As("u32"), DispatchInfo{Class: Operational},
		func(i *DispatchInfo, _ []byte, n uint32) {
			k := uint64(n) + 1
			i.CallWeight = Weight{RefTime: satAdd(2_964_000, satMul(1_340_742+s.DbWeight.Read+s.DbWeight.Write, k)), ProofSize: satMul(70, k)}
		},
		func(o Origin, prefix []byte, n uint32) (PostInfo, error) {
			return PostInfo{}, root(o, func() error {
				host.ClearPrefix(prefix, &n)
				return nil
			})
		})
	NewCallWith(p, 7, "remark_with_event", Arg("remark", Bytes).As("Vec<u8>"), DispatchInfo{},
		func(i *DispatchInfo, b []byte) { i.CallWeight = Weight{RefTime: 4_725_000 + 12_386*uint64(len(b))} },
		func(o Origin, b []byte) (PostInfo, error) {
			who, err := EnsureSigned(o)
			if err == nil {
				s.remarked.Deposit(who, hashing.Blake2b256(b))
			}
			return PostInfo{}, err
		})
	authorize := s.DbWeight.With(Weight{RefTime: 15_570_000}, 0, 1)
	NewCall1(p, 9, "authorize_upgrade", authorize, hash, func(o Origin, h hashing.Hash) error {
		return root(o, func() error { return s.authorize(h, true) })
	}).Operational()
	NewCall1(p, 10, "authorize_upgrade_without_checks", authorize, hash, func(o Origin, h hashing.Hash) error {
		return root(o, func() error { return s.authorize(h, false) })
	}).Operational()
	NewCallWith(p, 11, "apply_authorized_upgrade", code,
		DispatchInfo{CallWeight: s.DbWeight.With(Weight{166_858_158_000, 67_035}, 2, 2), Class: Operational},
		nil,
		func(_ Origin, code []byte) (PostInfo, error) { return s.applyAuthorized(code) })
}

func satMul(a, b uint64) uint64 {
	if a != 0 && b > math.MaxUint64/a {
		return math.MaxUint64
	}
	return a * b
}

// setCode takes the whole block's weight; what was declared stays the most that is counted.
func (s *System) setCode(o Origin, code []byte, check bool) (PostInfo, error) {
	if err := EnsureRoot(o); err != nil {
		return PostInfo{}, err
	}
	if check {
		if err := s.checkVersion(code); err != nil {
			return PostInfo{}, err
		}
	}
	if err := s.scheduleCode(code); err != nil {
		return PostInfo{}, err
	}
	return PostInfo{ActualWeight: &s.BlockWeights.MaxBlock}, nil
}

func (s *System) scheduleCode(code []byte) error {
	if s.OnSetCode != nil {
		return s.OnSetCode(code)
	}
	s.SetCode(code)
	return nil
}

// checkVersion demands that code has the present spec name and a greater spec version.
func (s *System) checkVersion(code []byte) error {
	encoded, ok := host.RuntimeVersion(code)
	if !ok {
		return s.ErrNoRuntimeVersion
	}
	name, spec, ok := decodeSpec(encoded)
	switch v := s.runtime.Version; {
	case !ok:
		return s.ErrNoRuntimeVersion
	case name != v.SpecName:
		return s.ErrInvalidSpecName
	case spec <= v.SpecVersion:
		return s.ErrSpecVersion
	}
	return nil
}

func (s *System) authorize(h hashing.Hash, check bool) error {
	s.AuthorizedUpgrade.Put(CodeUpgradeAuthorization{h, check})
	s.authorized.Deposit(h, check)
	return nil
}

func (s *System) isAuthorized(code []byte) (CodeUpgradeAuthorization, error) {
	a, ok := s.AuthorizedUpgrade.TryGet()
	if !ok {
		return a, s.ErrNothingAuthorized
	}
	if hashing.Blake2b256(code) != a.CodeHash {
		return a, s.ErrUnauthorized
	}
	return a, nil
}

// applyAuthorized puts authorized code in force. Code whose version does not fit is
// dropped, and dropping it succeeds: the authorization must not stay.
func (s *System) applyAuthorized(code []byte) (PostInfo, error) {
	a, err := s.isAuthorized(code)
	if err != nil {
		return PostInfo{}, err
	}
	s.AuthorizedUpgrade.Kill()
	if a.CheckVersion {
		if err := s.checkVersion(code); err != nil {
			s.rejected.Deposit(a.CodeHash, err)
			return PostInfo{Pays: PaysNo}, nil
		}
	}
	if err := s.scheduleCode(code); err != nil {
		return PostInfo{}, err
	}
	return PostInfo{ActualWeight: &s.BlockWeights.MaxBlock, Pays: PaysNo}, nil
}

// ValidateUnsigned lets apply_authorized_upgrade through without a signature.
func (s *System) ValidateUnsigned(_ uint8, c *Call) (ValidTransaction, error) {
	if !c.Is(&s.Pallet, "apply_authorized_upgrade") {
		return ValidTransaction{}, InvalidCall
	}
	code, _ := c.Arg.([]byte)
	a, err := s.isAuthorized(code)
	if err != nil {
		return ValidTransaction{}, InvalidCall
	}
	return ValidTransaction{Priority: math.MaxUint64, Provides: [][]byte{a.CodeHash[:]}, Longevity: math.MaxUint64, Propagate: true}, nil
}
