"""The TFLite flatbuffer schema as data: tables with their fields in slot order, and enumerations.

Source: ``tensorflow/lite/schema/schema.fbs``, version 3. A field is ``name:kind``; a kind is a
scalar, ``string``, a table's name, ``[kind]`` for a vector of it, or ``union``, whose table is
chosen by the ``<name>_type`` field before it; ``-`` is a slot that is no longer used.
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Names of TensorType by number, in lower case.
TENSOR_TYPES: tuple[str, ...] = _words(
    """
    float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64
    resource variant uint32 uint16 int4 bfloat16 int2 uint4 float8_e4m3fn float8_e5m2
    """
)

#: Names of BuiltinOperator by number.
OPERATORS: tuple[str, ...] = _words(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
    EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
    LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1
    RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
    SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
    BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
    UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT
    LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG
    PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE
    EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD
    REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV
    REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
    SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE
    RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
    NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
    BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D
    IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
    CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS
    RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE
    RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD
    STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP
    STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE
    STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE
    STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE
    STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
    STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
    STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
    STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE
    STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW
    STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
    """
)

_BUILTIN_OPTIONS: tuple[str, ...] = _words(
    """
    NONE Conv2DOptions DepthwiseConv2DOptions ConcatEmbeddingsOptions LSHProjectionOptions
    Pool2DOptions SVDFOptions RNNOptions FullyConnectedOptions SoftmaxOptions
    ConcatenationOptions AddOptions L2NormOptions LocalResponseNormalizationOptions LSTMOptions
    ResizeBilinearOptions CallOptions ReshapeOptions SkipGramOptions SpaceToDepthOptions
    EmbeddingLookupSparseOptions MulOptions PadOptions GatherOptions BatchToSpaceNDOptions
    SpaceToBatchNDOptions TransposeOptions ReducerOptions SubOptions DivOptions SqueezeOptions
    SequenceRNNOptions StridedSliceOptions ExpOptions TopKV2Options SplitOptions
    LogSoftmaxOptions CastOptions DequantizeOptions MaximumMinimumOptions ArgMaxOptions
    LessOptions NegOptions PadV2Options GreaterOptions GreaterEqualOptions LessEqualOptions
    SelectOptions SliceOptions TransposeConvOptions SparseToDenseOptions TileOptions
    ExpandDimsOptions EqualOptions NotEqualOptions ShapeOptions PowOptions ArgMinOptions
    FakeQuantOptions PackOptions LogicalOrOptions OneHotOptions LogicalAndOptions
    LogicalNotOptions UnpackOptions FloorDivOptions SquareOptions ZerosLikeOptions FillOptions
    BidirectionalSequenceLSTMOptions BidirectionalSequenceRNNOptions
    UnidirectionalSequenceLSTMOptions FloorModOptions RangeOptions ResizeNearestNeighborOptions
    LeakyReluOptions SquaredDifferenceOptions MirrorPadOptions AbsOptions SplitVOptions
    UniqueOptions ReverseV2Options AddNOptions GatherNdOptions CosOptions WhereOptions
    RankOptions ReverseSequenceOptions MatrixDiagOptions QuantizeOptions MatrixSetDiagOptions
    HardSwishOptions IfOptions WhileOptions DepthToSpaceOptions NonMaxSuppressionV4Options
    NonMaxSuppressionV5Options ScatterNdOptions SelectV2Options DensifyOptions SegmentSumOptions
    BatchMatMulOptions CumsumOptions CallOnceOptions BroadcastToOptions Rfft2dOptions
    Conv3DOptions HashtableOptions HashtableFindOptions HashtableImportOptions
    HashtableSizeOptions VarHandleOptions ReadVariableOptions AssignVariableOptions
    RandomOptions BucketizeOptions GeluOptions DynamicUpdateSliceOptions
    UnsortedSegmentProdOptions UnsortedSegmentMaxOptions UnsortedSegmentMinOptions
    UnsortedSegmentSumOptions ATan2Options SignOptions BitcastOptions BitwiseXorOptions
    RightShiftOptions
    """
)

_BUILTIN_OPTIONS_2: tuple[str, ...] = _words(
    """
    NONE StablehloConcatenateOptions StablehloBroadcastInDimOptions StablehloSliceOptions
    StablehloConvolutionOptions StablehloCustomCallOptions StablehloReduceOptions
    StablehloScatterOptions StablehloCompareOptions StablehloDynamicSliceOptions
    StablehloPadOptions StablehloIotaOptions StablehloDotGeneralOptions
    StablehloReduceWindowOptions StablehloSortOptions StablehloWhileOptions
    StablehloGatherOptions StablehloTransposeOptions DilateOptions
    StablehloRngBitGeneratorOptions ReduceWindowOptions StableHLOCompositeOptions
    StablehloShiftLeftOptions StablehloCaseOptions
    """
)

#: Table names that a union field may hold, by ``Table.field`` and type number.
UNIONS: dict[str, tuple[str, ...]] = {
    "Operator.builtin_options": _BUILTIN_OPTIONS,
    "Operator.builtin_options2": _BUILTIN_OPTIONS_2,
    "QuantizationParameters.details": (
        "NONE",
        "CustomQuantization",
        "BlockwiseQuantization",
        "MultiAxisQuantization",
    ),
    "DimensionMetadata.array_segments": ("NONE", "Int32Vector", "Uint16Vector", "Uint8Vector"),
    "DimensionMetadata.array_indices": ("NONE", "Int32Vector", "Uint16Vector", "Uint8Vector"),
}

_TABLES = """
BlockwiseQuantization | scales:int32 zero_points:int32 block_size:int32 block_shape:[int32]
Buffer | data:[uint8] offset:uint64 size:uint64
CustomQuantization | custom:[uint8]
DimensionMetadata | format:int8 dense_size:int32 array_segments_type:uint8 array_segments:union
    array_indices_type:uint8 array_indices:union
ExternalBuffer | id:uint32 group:uint32 offset:uint64 length:uint64 packing:string
ExternalBufferGroup | name:string
Int32Vector | values:[int32]
Metadata | name:string buffer:uint32
Model | version:uint32 operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string
    buffers:[Buffer] metadata_buffer:[int32] metadata:[Metadata] signature_defs:[SignatureDef]
    external_buffer_groups:[ExternalBufferGroup] external_buffers:[ExternalBuffer]
MultiAxisQuantization | scales:int32 zero_points:int32 block_size:int32
    quantized_dimensions:[int32]
Operator | opcode_index:uint32 inputs:[int32] outputs:[int32] builtin_options_type:uint8
    builtin_options:union custom_options:[uint8] custom_options_format:int8
    mutating_variable_inputs:[bool] intermediates:[int32] large_custom_options_offset:uint64
    large_custom_options_size:uint64 builtin_options2_type:uint8 builtin_options2:union
    debug_metadata_index:int32
OperatorCode | deprecated_builtin_code:int8 custom_code:string version:int32 builtin_code:int32
QuantizationParameters | min:[float32] max:[float32] scale:[float32] zero_point:[int64]
    details_type:uint8 details:union quantized_dimension:int32
SignatureDef | inputs:[TensorMap] outputs:[TensorMap] signature_key:string -
    subgraph_index:uint32
SparsityParameters | traversal_order:[int32] block_map:[int32] dim_metadata:[DimensionMetadata]
SubGraph | tensors:[Tensor] inputs:[int32] outputs:[int32] operators:[Operator] name:string
    debug_metadata_index:int32
Tensor | shape:[int32] type:int8 buffer:uint32 name:string quantization:QuantizationParameters
    is_variable:bool sparsity:SparsityParameters shape_signature:[int32] has_rank:bool
    variant_tensors:[VariantSubType] external_buffer:uint32
TensorMap | name:string tensor_index:uint32
Uint16Vector | values:[uint16]
Uint8Vector | values:[uint8]
VariantSubType | shape:[int32] type:int8 has_rank:bool
AddOptions | fused_activation_function:int8 pot_scale_int16:bool
ArgMaxOptions | output_type:int8
ArgMinOptions | output_type:int8
BatchMatMulOptions | adj_x:bool adj_y:bool asymmetric_quantize_inputs:bool
BidirectionalSequenceLSTMOptions | fused_activation_function:int8 cell_clip:float32
    proj_clip:float32 merge_outputs:bool time_major:bool asymmetric_quantize_inputs:bool
BidirectionalSequenceRNNOptions | time_major:bool fused_activation_function:int8
    merge_outputs:bool asymmetric_quantize_inputs:bool
BucketizeOptions | boundaries:[float32]
CallOnceOptions | init_subgraph_index:int32
CallOptions | subgraph:uint32
CastOptions | in_data_type:int8 out_data_type:int8
ConcatEmbeddingsOptions | num_channels:int32 num_columns_per_channel:[int32]
    embedding_dim_per_channel:[int32]
ConcatenationOptions | axis:int32 fused_activation_function:int8
Conv2DOptions | padding:int8 stride_w:int32 stride_h:int32 fused_activation_function:int8
    dilation_w_factor:int32 dilation_h_factor:int32 quantized_bias_type:int8
Conv3DOptions | padding:int8 stride_d:int32 stride_w:int32 stride_h:int32
    fused_activation_function:int8 dilation_d_factor:int32 dilation_w_factor:int32
    dilation_h_factor:int32
CumsumOptions | exclusive:bool reverse:bool
DepthToSpaceOptions | block_size:int32
DepthwiseConv2DOptions | padding:int8 stride_w:int32 stride_h:int32 depth_multiplier:int32
    fused_activation_function:int8 dilation_w_factor:int32 dilation_h_factor:int32
DivOptions | fused_activation_function:int8
EmbeddingLookupSparseOptions | combiner:int8
FakeQuantOptions | min:float32 max:float32 num_bits:int32 narrow_range:bool
FullyConnectedOptions | fused_activation_function:int8 weights_format:int8 keep_num_dims:bool
    asymmetric_quantize_inputs:bool quantized_bias_type:int8 quant_spec:[uint8]
GatherOptions | axis:int32 batch_dims:int32
GeluOptions | approximate:bool
HashtableOptions | table_id:int32 key_dtype:int8 value_dtype:int8
IfOptions | then_subgraph_index:int32 else_subgraph_index:int32
L2NormOptions | fused_activation_function:int8
LSHProjectionOptions | type:int8
LSTMOptions | fused_activation_function:int8 cell_clip:float32 proj_clip:float32
    kernel_type:int8 asymmetric_quantize_inputs:bool
LeakyReluOptions | alpha:float32
LocalResponseNormalizationOptions | radius:int32 bias:float32 alpha:float32 beta:float32
MirrorPadOptions | mode:int8
MulOptions | fused_activation_function:int8
OneHotOptions | axis:int32
PackOptions | values_count:int32 axis:int32
Pool2DOptions | padding:int8 stride_w:int32 stride_h:int32 filter_width:int32
    filter_height:int32 fused_activation_function:int8
RNNOptions | fused_activation_function:int8 asymmetric_quantize_inputs:bool
RandomOptions | seed:int64 seed2:int64
ReduceWindowOptions | reduce_function:int32
ReducerOptions | keep_dims:bool
ReshapeOptions | new_shape:[int32]
ResizeBilinearOptions | - - align_corners:bool half_pixel_centers:bool
ResizeNearestNeighborOptions | align_corners:bool half_pixel_centers:bool
ReverseSequenceOptions | seq_dim:int32 batch_dim:int32
SVDFOptions | rank:int32 fused_activation_function:int8 asymmetric_quantize_inputs:bool
SequenceRNNOptions | time_major:bool fused_activation_function:int8
    asymmetric_quantize_inputs:bool
ShapeOptions | out_type:int8
SkipGramOptions | ngram_size:int32 max_skip_size:int32 include_all_ngrams:bool
SoftmaxOptions | beta:float32
SpaceToDepthOptions | block_size:int32
SparseToDenseOptions | validate_indices:bool
SplitOptions | num_splits:int32
SplitVOptions | num_splits:int32
SqueezeOptions | squeeze_dims:[int32]
StableHLOCompositeOptions | name:string decomposition_subgraph_index:int32
    composite_attributes:[uint8] composite_attributes_format:int8 version:int32
StablehloBroadcastInDimOptions | broadcast_dimensions:[int64]
StablehloCaseOptions | branch_subgraph_indices:[int32]
StablehloCompareOptions | comparison_direction:uint32 compare_type:uint32
StablehloConcatenateOptions | dimension:int64
StablehloConvolutionOptions | window_strides:[int64] padding:[int64] lhs_dilation:[int64]
    rhs_dilation:[int64] window_reversal:[bool] input_batch_dimension:int64
    input_feature_dimension:int64 input_spatial_dimensions:[int64]
    kernel_input_feature_dimension:int64 kernel_output_feature_dimension:int64
    kernel_spatial_dimensions:[int64] output_batch_dimension:int64
    output_feature_dimension:int64 output_spatial_dimensions:[int64] feature_group_count:int64
    batch_group_count:int64 precision_config:[uint32]
StablehloCustomCallOptions | call_target_name:string has_side_effect:bool backend_config:string
    api_version:int32 called_computations:[int32] custom_attributes:[uint8]
StablehloDotGeneralOptions | lhs_batching_dimensions:[int64] rhs_batching_dimensions:[int64]
    lhs_contracting_dimensions:[int64] rhs_contracting_dimensions:[int64]
    precision_config:[uint32]
StablehloDynamicSliceOptions | slice_sizes:[int64]
StablehloGatherOptions | offset_dims:[int64] collapsed_slice_dims:[int64]
    start_index_map:[int64] index_vector_dim:int64 slice_sizes:[int64] indices_are_sorted:bool
StablehloIotaOptions | iota_dimension:int64
StablehloPadOptions | edge_padding_low:[int64] edge_padding_high:[int64]
    interior_padding:[int64]
StablehloReduceOptions | dimensions:[int64] body_subgraph_index:int32
StablehloReduceWindowOptions | window_dimensions:[int64] window_strides:[int64]
    base_dilations:[int64] window_dilations:[int64] padding:[int64] body_subgraph_index:int32
StablehloRngBitGeneratorOptions | algorithm:int8
StablehloScatterOptions | indices_are_sorted:bool update_window_dims:[int64]
    inserted_window_dims:[int64] scatter_dims_to_operand_dims:[int64] index_vector_dim:int64
    unique_indices:bool update_computation_subgraph_index:int32
StablehloSliceOptions | start_indices:[int64] limit_indices:[int64] strides:[int64]
StablehloSortOptions | dimension:int64 is_stable:bool comparator_subgraph_index:int32
StablehloTransposeOptions | permutation:[int64]
StablehloWhileOptions | cond_subgraph_index:int32 body_subgraph_index:int32
StridedSliceOptions | begin_mask:int32 end_mask:int32 ellipsis_mask:int32 new_axis_mask:int32
    shrink_axis_mask:int32 offset:bool
SubOptions | fused_activation_function:int8 pot_scale_int16:bool
TransposeConvOptions | padding:int8 stride_w:int32 stride_h:int32 fused_activation_function:int8
    quantized_bias_type:int8
UnidirectionalSequenceLSTMOptions | fused_activation_function:int8 cell_clip:float32
    proj_clip:float32 time_major:bool asymmetric_quantize_inputs:bool
    diagonal_recurrent_tensors:bool
UniqueOptions | idx_out_type:int8
UnpackOptions | num:int32 axis:int32
VarHandleOptions | container:string shared_name:string
WhileOptions | cond_subgraph_index:int32 body_subgraph_index:int32
"""


def _parse(text: str) -> dict[str, tuple[tuple[str, str], ...]]:
    tables: dict[str, tuple[tuple[str, str], ...]] = {}
    for entry in text.strip().replace("\n    ", " ").splitlines():
        name, fields = entry.split(" | ")
        pairs = (field.partition(":") for field in fields.split())
        tables[name] = tuple((field, kind) for field, _, kind in pairs)
    return tables


#: Fields (name, kind) of every table that has any, in slot order.
TABLES: dict[str, tuple[tuple[str, str], ...]] = _parse(_TABLES)
