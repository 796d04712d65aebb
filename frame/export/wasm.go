//go:build wasip1

package export

import "unsafe"

// At is n bytes of memory, which the host allocated for arguments.
func At(ptr, n uint32) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), ptr)), n)
}

// Fat is pointer and, in the high half, length of b, which must stay reachable.
func Fat(b []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) | uint64(len(b))<<32
}

func call(name string, ptr, n uint32) uint64 { return Fat(Call(name, At(ptr, n))) }

//go:wasmexport Core_version
func coreVersion(ptr, n uint32) uint64 { return call("Core_version", ptr, n) }

//go:wasmexport Core_execute_block
func coreExecuteBlock(ptr, n uint32) uint64 { return call("Core_execute_block", ptr, n) }

//go:wasmexport Core_initialize_block
func coreInitializeBlock(ptr, n uint32) uint64 { return call("Core_initialize_block", ptr, n) }

//go:wasmexport Metadata_metadata
func metadataMetadata(ptr, n uint32) uint64 { return call("Metadata_metadata", ptr, n) }

//go:wasmexport Metadata_metadata_at_version
func metadataMetadataAtVersion(ptr, n uint32) uint64 {
	return call("Metadata_metadata_at_version", ptr, n)
}

//go:wasmexport Metadata_metadata_versions
func metadataMetadataVersions(ptr, n uint32) uint64 {
	return call("Metadata_metadata_versions", ptr, n)
}

//go:wasmexport BlockBuilder_apply_extrinsic
func blockBuilderApplyExtrinsic(ptr, n uint32) uint64 {
	return call("BlockBuilder_apply_extrinsic", ptr, n)
}

//go:wasmexport BlockBuilder_finalize_block
func blockBuilderFinalizeBlock(ptr, n uint32) uint64 {
	return call("BlockBuilder_finalize_block", ptr, n)
}

//go:wasmexport BlockBuilder_inherent_extrinsics
func blockBuilderInherentExtrinsics(ptr, n uint32) uint64 {
	return call("BlockBuilder_inherent_extrinsics", ptr, n)
}

//go:wasmexport BlockBuilder_check_inherents
func blockBuilderCheckInherents(ptr, n uint32) uint64 {
	return call("BlockBuilder_check_inherents", ptr, n)
}

//go:wasmexport TaggedTransactionQueue_validate_transaction
func taggedTransactionQueueValidateTransaction(ptr, n uint32) uint64 {
	return call("TaggedTransactionQueue_validate_transaction", ptr, n)
}

//go:wasmexport OffchainWorkerApi_offchain_worker
func offchainWorkerApiOffchainWorker(ptr, n uint32) uint64 {
	return call("OffchainWorkerApi_offchain_worker", ptr, n)
}

//go:wasmexport SessionKeys_generate_session_keys
func sessionKeysGenerateSessionKeys(ptr, n uint32) uint64 {
	return call("SessionKeys_generate_session_keys", ptr, n)
}

//go:wasmexport SessionKeys_decode_session_keys
func sessionKeysDecodeSessionKeys(ptr, n uint32) uint64 {
	return call("SessionKeys_decode_session_keys", ptr, n)
}

//go:wasmexport AuraApi_slot_duration
func auraApiSlotDuration(ptr, n uint32) uint64 { return call("AuraApi_slot_duration", ptr, n) }

//go:wasmexport AuraApi_authorities
func auraApiAuthorities(ptr, n uint32) uint64 { return call("AuraApi_authorities", ptr, n) }

//go:wasmexport CollectCollationInfo_collect_collation_info
func collectCollationInfoCollectCollationInfo(ptr, n uint32) uint64 {
	return call("CollectCollationInfo_collect_collation_info", ptr, n)
}

//go:wasmexport GetParachainInfo_parachain_id
func getParachainInfoParachainId(ptr, n uint32) uint64 {
	return call("GetParachainInfo_parachain_id", ptr, n)
}

//go:wasmexport RelayParentOffsetApi_relay_parent_offset
func relayParentOffsetApiRelayParentOffset(ptr, n uint32) uint64 {
	return call("RelayParentOffsetApi_relay_parent_offset", ptr, n)
}

//go:wasmexport RelayParentOffsetApi_max_claim_queue_offset
func relayParentOffsetApiMaxClaimQueueOffset(ptr, n uint32) uint64 {
	return call("RelayParentOffsetApi_max_claim_queue_offset", ptr, n)
}

//go:wasmexport AccountNonceApi_account_nonce
func accountNonceApiAccountNonce(ptr, n uint32) uint64 {
	return call("AccountNonceApi_account_nonce", ptr, n)
}

//go:wasmexport TransactionPaymentApi_query_info
func transactionPaymentApiQueryInfo(ptr, n uint32) uint64 {
	return call("TransactionPaymentApi_query_info", ptr, n)
}

//go:wasmexport TransactionPaymentApi_query_fee_details
func transactionPaymentApiQueryFeeDetails(ptr, n uint32) uint64 {
	return call("TransactionPaymentApi_query_fee_details", ptr, n)
}

//go:wasmexport TransactionPaymentApi_query_weight_to_fee
func transactionPaymentApiQueryWeightToFee(ptr, n uint32) uint64 {
	return call("TransactionPaymentApi_query_weight_to_fee", ptr, n)
}

//go:wasmexport TransactionPaymentApi_query_length_to_fee
func transactionPaymentApiQueryLengthToFee(ptr, n uint32) uint64 {
	return call("TransactionPaymentApi_query_length_to_fee", ptr, n)
}

//go:wasmexport GenesisBuilder_build_state
func genesisBuilderBuildState(ptr, n uint32) uint64 {
	return call("GenesisBuilder_build_state", ptr, n)
}

//go:wasmexport GenesisBuilder_get_preset
func genesisBuilderGetPreset(ptr, n uint32) uint64 { return call("GenesisBuilder_get_preset", ptr, n) }

//go:wasmexport GenesisBuilder_preset_names
func genesisBuilderPresetNames(ptr, n uint32) uint64 {
	return call("GenesisBuilder_preset_names", ptr, n)
}
