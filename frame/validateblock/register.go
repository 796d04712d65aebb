package validateblock

var registered *Config

// result keeps the last answer in memory until the validator has read it.
var result []byte

// RegisterValidateBlock makes ValidateBlock with that config the Wasm module's export
// validate_block (cumulus_pallet_parachain_system::register_validate_block). A runtime's
// main package calls it when it is initialised.
func RegisterValidateBlock(c Config) { registered = &c }

// run is the export.
func run(params []byte) []byte {
	if registered == nil {
		panic("no runtime is registered for `validate_block`")
	}
	result = ValidateBlock(*registered, params)
	return result
}
