"""How frameworks and models name their tensors: each row a name, the role that it stands for, and its source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

WEIGHT_ENDS = r"(?:\.(?:weight|kernel|w|embeddings|vars\.0))?"  # what ``@`` at the end of a name stands for

QKV = ("query", "key", "value")
FUSED, FUSED_KV = "attention query, key and value", "attention key and value"
QUERY, KEY, VALUE, OUTPUT = "attention query", "attention key", "attention value", "attention output"
GATE, UP, DOWN, GATE_UP = "MLP gate", "MLP up", "MLP down", "MLP gate and up"
INPUT, HIDDEN = "recurrent input", "recurrent hidden"
EMBEDDING, POSITIONAL, TOKEN, SHORTCUT = "embedding", "positional embedding", "token", "shortcut"
DENSE, CONVOLUTION, TRANSPOSED = "dense", "convolution", "transposed convolution"
DEPTHWISE, GROUPED = "depthwise convolution", "grouped convolution"
LORA_A, LORA_B, ADAPTER = "LoRA A", "LoRA B", "LoRA adapter"
GAIN, DIRECTION, MASK, SPECTRAL = "weight-norm gain", "weight-norm direction", "pruning mask", "spectral-norm vector"
NORMALISATION, STATISTICS, BIAS = "normalisation", "running statistics", "bias"
SCALE, QUANTISED, NOT_A_WEIGHT = "quantised scale", "quantised weight", "not a weight"
VECTOR, PARAMETER, PROJECTION = "vector", "parameter", "recurrent projection"

# What a part of a fused tensor does.
PART_ROLES = {"query": QUERY, "key": KEY, "value": VALUE, "gate": GATE, "up": UP}
_LSTM = ("input gate", "forget gate", "cell", "output gate")
# Parts of a tensor by their number, in each framework's order.
GATES: dict[str, dict[int, tuple[str, ...]]] = {
    "pytorch": {4: _LSTM, 3: ("reset gate", "update gate", "candidate")},
    "keras": {4: _LSTM, 3: ("update gate", "reset gate", "candidate")},
    "chainer": {4: _LSTM, 3: ("reset gate", "update gate", "candidate"), 1: ("",)},
}


@dataclass(frozen=True)
class Naming:
    """One way to name a tensor.

    Attributes:
        role: what it is.
        names: the end of its key in small letters, with ``.`` between its parts; a regular expression. ``@`` stands for
            the names of a module's weight.
        source: where the convention is from.
        needs: ends that keys or modules beside it have, each one or, with ``|``, one of several; ``!`` before an end
            that none may have.
        axes: the fewest and the most axes that it has.
        conventions: whose files; all where empty.
        parts: names of equal parts that it is made of; with `sizes` "attention" of the query's size and the rest.
        gates: whose order of gates it has.
        integer: True for whole numbers only.
        no_bias: True where a bias beside it tells that it is something else.
    """

    role: str
    names: str
    source: str
    needs: tuple[str, ...] = ()
    axes: tuple[int, int] = (1, 9)
    conventions: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    gates: str = ""
    integer: bool = False
    no_bias: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The names as a regular expression, whose group ``own`` begins where its module's own name does."""
        names = self.names if "(?P<own>" in self.names else f"(?P<own>{self.names})"
        return re.compile(rf"(?:^|\.)(?:{names.replace('@', WEIGHT_ENDS)})$")


def _attention(names: str, output: str, source: str) -> tuple[Naming, ...]:
    """Rows for projections that stand beside each other under the names of query, key and value."""
    query, key, value = names.split()
    rows = (
        Naming(QUERY, query + "@", source, (key, value), (2, 4)),
        Naming(KEY, key + "@", source, (query, value), (2, 4)),
        Naming(VALUE, value + "@", source, (query, key), (2, 4)),
    )
    return (*rows, Naming(OUTPUT, output + "@", source, (query, key, value), (2, 4))) if output else rows


def _fused(names: str, beside: str, output: str, source: str, parts: tuple[str, ...] = QKV) -> tuple[Naming, ...]:
    rows = (Naming(FUSED, names, source, axes=(2, 4), parts=parts),)
    return (*rows, Naming(OUTPUT, output + "@", source, (beside,), (2, 4)))


TORCH_RNN = "PyTorch, torch.nn.LSTM, GRU, RNN and their cells: gates i, f, g, o and r, z, n"
TORCH_MHA = "PyTorch, torch.nn.MultiheadAttention"
KERAS_RNN = "Keras, layers.LSTM (i, f, c, o), GRU (z, r, h), SimpleRNN"
KERAS_MHA = "Keras, layers.MultiHeadAttention"
CHAINER_RNN = "Chainer, functions/rnn/n_step_lstm.py: w0 to w3 for the input, w4 to w7 for the state, each i, f, c, o"
CHAINER_GRU = "Chainer, functions/rnn/n_step_gru.py: w0 to w2 for the input, w3 to w5 for the state, each r, z, h"
LLAMA = "Transformers, LLaMA (and Mistral, Qwen, Gemma)"
BERT = "Transformers, BERT (and ViT)"
GPT2 = "Transformers, GPT-2: Conv1D keeps (in, out)"
T5 = "Transformers, T5"
META = "LLaMA, llama/model.py of Meta; mistral-inference, transformer_layers.py"
_META = r"(?:feed_forward|mlp|ffn|experts\.[0-9]+)\.(?P<own>w{}@)"
TIMM = "timm, vision_transformer.py"
TOKENS = "timm; Transformers, CLIP, BLIP-2, DINOv2 with registers; DINOv3, models/vision_transformer.py"
GPTQ = "AutoGPTQ, nn_modules/qlinear; AutoAWQ, modules/linear"
BITSANDBYTES = "bitsandbytes, Linear8bitLt and Linear4bit in nn/modules.py, QuantState in functional.py"
PVT = "PVT, classification/pvt.py; vit-pytorch, cait.py"

TABLE: tuple[Naming, ...] = (
    Naming(STATISTICS, r"running_(?:mean|var)|num_batches_tracked", "PyTorch, torch.nn.BatchNorm2d"),
    Naming(STATISTICS, r"moving_(?:mean|variance)|batch_normalization[^.]*\.vars\.[23]", "Keras, BatchNormalization"),
    Naming(STATISTICS, r"avg_(?:mean|var)", "Chainer, links.BatchNormalization"),
    Naming(
        LORA_A,
        r"lora_(?:embedding_)?a(?:\.(?!weight$)[^.]+)?@",
        "PEFT, tuners/lora/layer.py (Hu et al. 2021)",
        axes=(2, 5),
    ),
    Naming(
        LORA_B,
        r"lora_(?:embedding_)?b(?:\.(?!weight$)[^.]+)?@",
        "PEFT, tuners/lora/layer.py (Hu et al. 2021)",
        axes=(2, 5),
    ),
    Naming(LORA_A, r"(?:[^.]*_)?lora[._]down@", "sd-scripts, networks/lora.py; Diffusers", axes=(2, 5)),
    Naming(LORA_B, r"(?:[^.]*_)?lora[._]up@", "sd-scripts, networks/lora.py; Diffusers", axes=(2, 5)),
    Naming(SCALE, r"scales|qzeros", GPTQ, ("qweight",)),
    Naming(SCALE, r"scb|weight\.(?:nested_)?(?:absmax|quant_map)|weight\.quant_state\..*", BITSANDBYTES),
    Naming(
        SCALE,
        r"(?:weight|input)_(?:global_)?scale|weight_zero_point",
        "compressed-tensors, compressors; Transformers, BitNet",
        ("weight|weight_packed",),
    ),
    Naming(SCALE, r"weight_scale_inv", "DeepSeek-V3, inference/fp8_cast_bf16.py"),
    Naming(SCALE, r"weight_scale_2", "Model Optimizer of NVIDIA, torch/export"),
    Naming(SCALE, r"kernel_scale", "Keras, layers.Dense in int8"),
    Naming(QUANTISED, r"qweight", GPTQ, integer=True),
    Naming(QUANTISED, r"weight|kernel", BITSANDBYTES, ("scb|weight.absmax|weight_scale|kernel_scale",), integer=True),
    Naming(QUANTISED, r"weight_packed", "compressed-tensors, compressors", ("weight_scale",), integer=True),
    Naming(NOT_A_WEIGHT, r".*", "whole numbers and truth values are counters, indices and masks", integer=True),
    Naming(
        NOT_A_WEIGHT, r"attn\.bias|attention\.bias|masked_bias|(?:attn|causal)_mask", GPT2 + "; buffers", axes=(4, 4)
    ),
    Naming(SPECTRAL, r"weight_[uv]", "PyTorch, torch.nn.utils.spectral_norm", ("weight_orig",)),
    Naming(
        SPECTRAL, r"parametrizations\.[^.]+\.[0-9]+\._[uv]", "PyTorch, torch.nn.utils.parametrizations.spectral_norm"
    ),
    Naming(SPECTRAL, r"vector_u|spectral_normalization[^.]*\.vars\.0", "Keras, SpectralNormalization"),
    Naming(POSITIONAL, r"wpe@|embed_positions@|(?:absolute_)?position_embeddings?@", "Transformers, GPT-2, BART, BERT"),
    Naming(POSITIONAL, r"(?:abs_)?pos(?:ition(?:al)?)?_?(?:embed(?:ding)?s?|emb|encoding)[^.]*@", TIMM, axes=(2, 5)),
    Naming(POSITIONAL, r"relative_attention_bias@", T5),
    Naming(POSITIONAL, r"relative_position_bias(?:_table)?|rel_pos_[hw]", "timm and Transformers, Swin, SAM"),
    Naming(
        POSITIONAL, r"(?:pos|position|positional)_?enc[^.]*\.pe", "PyTorch's tutorial on the Transformer", axes=(2, 4)
    ),
    Naming(TOKEN, r"(?:cls|class|dist|distillation|mask|reg|register|query|storage)_tokens?|class_embedding", TOKENS),
    Naming(BIAS, r"(?:[^.]*_)?bias|bias_[kv]|bias_[ih]h(?:_l[0-9]+)?(?:_reverse)?", "PyTorch, Keras"),
    Naming(BIAS, r"(?:query|key|value|output)_dense\.vars\.1", KERAS_MHA, axes=(1, 2)),
    Naming(BIAS, r"[a-z_]*cell(?:_[0-9]+)?\.vars\.2", KERAS_RNN + "; a GRU's has two rows", axes=(1, 2)),
    Naming(NORMALISATION, r"(?:[a-z]+_)*normalization[^.]*\.vars\.[01]", "Keras, normalisation layers"),
    Naming(BIAS, r"b[0-9]*|intercepts?(?:_[0-9]+)?|vars\.[1-9]", "Chainer, scikit-learn, Keras", axes=(1, 1)),
    Naming(NORMALISATION, r"gamma", "Keras, Chainer", ("beta",)),
    Naming(NORMALISATION, r"beta", "Keras, Chainer", ("gamma",)),
    Naming(
        NORMALISATION,
        r"(?:[^.]*_)?(?:(?:batch|layer|group|instance|rms)_?norm|norm|bn|ln)(?:_?[a-z0-9]+)?@",
        "PyTorch, torch.nn.BatchNorm2d, LayerNorm, GroupNorm",
        axes=(1, 3),
    ),
    Naming(INPUT, r"weight_ih(?:_l[0-9]+)?(?:_reverse)?", TORCH_RNN, axes=(2, 2), gates="pytorch"),
    Naming(HIDDEN, r"weight_hh(?:_l[0-9]+)?(?:_reverse)?", TORCH_RNN, axes=(2, 2), gates="pytorch"),
    Naming(PROJECTION, r"weight_hr(?:_l[0-9]+)?(?:_reverse)?", TORCH_RNN, axes=(2, 2)),
    Naming(INPUT, r"kernel", KERAS_RNN, ("recurrent_kernel",), (2, 5), gates="keras"),
    Naming(HIDDEN, r"recurrent_kernel", KERAS_RNN, ("kernel",), (2, 5), gates="keras"),
    Naming(
        INPUT, r"[a-z_0-9]*cell(?:_[0-9]+)?\.vars\.0", KERAS_RNN, axes=(2, 5), conventions=("keras",), gates="keras"
    ),
    Naming(
        HIDDEN, r"[a-z_0-9]*cell(?:_[0-9]+)?\.vars\.1", KERAS_RNN, axes=(2, 5), conventions=("keras",), gates="keras"
    ),
    Naming(INPUT, r"w[0-3]", CHAINER_RNN, ("w7", "b7"), (2, 2), ("chainer",), gates="chainer"),
    Naming(HIDDEN, r"w[4-7]", CHAINER_RNN, ("w0", "w7", "b7"), (2, 2), ("chainer",), gates="chainer"),
    Naming(INPUT, r"w[0-2]", CHAINER_GRU, ("w5", "b5", "!w6"), (2, 2), ("chainer",), gates="chainer"),
    Naming(HIDDEN, r"w[3-5]", CHAINER_GRU, ("w0", "w5", "b5", "!w6"), (2, 2), ("chainer",), gates="chainer"),
    Naming(INPUT, r"w0", "Chainer, links.NStepRNN", ("w1", "b1", "!w2"), (2, 2), ("chainer",)),
    Naming(HIDDEN, r"w1", "Chainer, links.NStepRNN", ("w0", "b1", "!w2"), (2, 2), ("chainer",)),
    Naming(INPUT, r"upward\.w", "Chainer, links.LSTM: gates interleaved", ("lateral",), (2, 2), ("chainer",)),
    Naming(HIDDEN, r"lateral\.w", "Chainer, links.LSTM: gates interleaved", ("upward",), (2, 2), ("chainer",)),
    Naming(INPUT, r"w(?:_[rz])?\.w", "Chainer, links.GRU", ("u", "u_r", "u_z"), (2, 2), ("chainer",)),
    Naming(HIDDEN, r"u(?:_[rz])?\.w", "Chainer, links.GRU", ("w", "w_r", "w_z"), (2, 2), ("chainer",)),
    Naming(INPUT, r"w_[fh]\.w", "Chainer, links.MGU: input and state in one", ("w_f", "w_h"), (2, 2), ("chainer",)),
    *_fused(r"in_proj_weight", "in_proj_weight", "out_proj", TORCH_MHA),
    *_fused(r"c_attn@", "c_attn", "c_proj", GPT2),
    *_fused(r"qkv@", "qkv", "proj", TIMM),
    *_fused(r"qkv_proj@", "qkv_proj", "(?:o|out)_proj", "Transformers, Phi-3: grouped queries have smaller keys"),
    *_fused(r"wqkv@", "wqkv", "(?:out_proj|wo)", "Transformers, MPT, ModernBERT"),
    *_fused(r"to_qkv@", "to_qkv", r"to_out(?:\.0)?", "vit-pytorch, vit.py"),
    *_fused(r"query_key_value@", "query_key_value", "dense", "Transformers, GPT-NeoX, BLOOM: interleaved by heads", ()),
    Naming(FUSED, r"in_proj@", "Transformers, DeBERTa: interleaved by heads", ("q_bias", "v_bias"), (2, 2)),
    Naming(QUERY, r"to_q@|q_proj@|q@", PVT, ("to_kv|kv|kv_proj",), (2, 4)),
    Naming(FUSED_KV, r"to_kv@|kv@|kv_proj@", PVT, ("to_q|q|q_proj",), (2, 4), parts=("key", "value")),
    Naming(OUTPUT, r"proj@|to_out(?:\.0)?@", PVT, ("to_q|q|q_proj", "to_kv|kv|kv_proj"), (2, 4)),
    *_attention("q k v", "o", T5),
    *_attention("q_proj k_proj v_proj", "(?:o_proj|out_proj|dense)", LLAMA + ", BART, OPT"),
    *_attention("query key value", "(?:attention_output|out|o|dense)", BERT + "; " + KERAS_MHA),
    *_attention("query_dense key_dense value_dense", "output_dense", KERAS_MHA),
    *_attention("wq wk wv", "wo", "LLaMA, llama/model.py of Meta"),
    *_attention(
        "w_q w_k w_v", "w_o", "scripts after Vaswani et al. 2017, such as model.py of hkproj/pytorch-transformer"
    ),
    *_attention(
        "to_q to_k to_v", r"to_out(?:\.0)?", "Diffusers, attention_processor.py; x-transformers, x_transformers.py"
    ),
    *_attention("q_lin k_lin v_lin", "out_lin", "Transformers, DistilBERT, XLM"),
    *_attention("linear_q linear_k linear_v", "linear_out", "ESPnet, transformer/attention.py; WeNet"),
    *_attention("query_proj key_proj value_proj", "", "Transformers, DeBERTa-v2"),
    *_attention("q_proj_weight k_proj_weight v_proj_weight", "out_proj", TORCH_MHA + " with kdim and vdim"),
    Naming(OUTPUT, r"attention\.output\.dense@", BERT, ("attention.self|attention.attention",), (2, 2)),
    Naming(GATE, r"gate_proj@", LLAMA, ("up_proj", "down_proj"), (2, 3)),
    Naming(UP, r"up_proj@", LLAMA, ("down_proj",), (2, 3)),
    Naming(DOWN, r"down_proj@", LLAMA, ("up_proj|gate_up_proj",), (2, 3)),
    Naming(GATE_UP, r"gate_up_proj@", "Transformers, Phi-3", ("down_proj",), (2, 2), parts=("gate", "up")),
    Naming(GATE_UP, r"gate_up_proj", "Transformers 5, Mixtral: all experts in one", ("down_proj",), (3, 3)),
    Naming(GATE, _META.format(1), META, ("w2", "w3"), (2, 2)),
    Naming(DOWN, _META.format(2), META, ("w1", "w3"), (2, 2)),
    Naming(UP, _META.format(3), META, ("w1", "w2"), (2, 2)),
    Naming(GATE, r"wi_0@", T5 + " 1.1", ("wi_1", "wo"), (2, 2)),
    Naming(UP, r"wi_1@", T5 + " 1.1", ("wi_0", "wo"), (2, 2)),
    Naming(UP, r"wi@", T5, ("wo",), (2, 2)),
    Naming(DOWN, r"wo@", T5, ("wi|wi_0",), (2, 2)),
    Naming(UP, r"c_fc@", GPT2, ("c_proj",), (2, 2)),
    Naming(DOWN, r"c_proj@", GPT2, ("c_fc",), (2, 2)),
    Naming(UP, r"intermediate\.dense@", BERT, ("output",), (2, 2)),
    Naming(DOWN, r"output\.dense@", BERT, ("intermediate",), (2, 2)),
    Naming(UP, r"dense_h_to_4h@", "Transformers, GPT-NeoX, BLOOM", ("dense_4h_to_h",), (2, 2)),
    Naming(DOWN, r"dense_4h_to_h@", "Transformers, GPT-NeoX, BLOOM", ("dense_h_to_4h",), (2, 2)),
    Naming(UP, r"mlp\.fc1@", TIMM, ("mlp.fc2",), (2, 4)),
    Naming(DOWN, r"mlp\.fc2@", TIMM, ("mlp.fc1",), (2, 4)),
    Naming(UP, r"fc1@", "Transformers, BART, OPT", ("fc2", "self_attn"), (2, 2)),
    Naming(DOWN, r"fc2@", "Transformers, BART, OPT", ("fc1", "self_attn"), (2, 2)),
    Naming(UP, r"fc_in@", "Transformers, GPT-J", ("fc_out",), (2, 2)),
    Naming(DOWN, r"fc_out@", "Transformers, GPT-J", ("fc_in",), (2, 2)),
    Naming(UP, r"linear1@", "PyTorch, torch.nn.TransformerEncoderLayer", ("linear2", "self_attn"), (2, 2)),
    Naming(DOWN, r"linear2@", "PyTorch, torch.nn.TransformerEncoderLayer", ("linear1", "self_attn"), (2, 2)),
    Naming(UP, r"ffn\.lin1@", "Transformers, DistilBERT", ("ffn.lin2",), (2, 2)),
    Naming(DOWN, r"ffn\.lin2@", "Transformers, DistilBERT", ("ffn.lin1",), (2, 2)),
    Naming(EMBEDDING, r"wte@|tok_embeddings@", "Transformers, GPT-2; LLaMA, llama/model.py of Meta", axes=(2, 2)),
    Naming(
        EMBEDDING,
        r"(?:[^.]*_)?(?:code_?books?|codes?|dictionary|prototypes?|centroids|memory_?bank)@",
        "VQ-VAE (van den Oord et al. 2017): a table of vectors that are looked up",
        axes=(2, 2),
        no_bias=True,
    ),
    Naming(EMBEDDING, r"shared@", T5, ("encoder",), (2, 2), no_bias=True),
    Naming(
        EMBEDDING,
        r"(?:[^.]*_)?(?:[a-z]*embed|emb)(?:ding)?s?[0-9]*(?:_(?!proj|linear|fc|dense|mlp|out|conv)[^.]*)?(?:\.[0-9]+)?@",
        "PyTorch, torch.nn.Embedding; Keras, Embedding; Chainer, EmbedID: a table without bias",
        axes=(2, 2),
        no_bias=True,
    ),
    Naming(TRANSPOSED, r"[^.]*(?:deconv|conv[a-z0-9_]*transpose|convt)[^.]*@", "PyTorch, Keras, Chainer", axes=(3, 5)),
    Naming(TRANSPOSED, r"(?:dc|tconv|upconv)[0-9]*@", "Chainer, examples/dcgan; scripts", axes=(3, 5)),
    Naming(DEPTHWISE, r"depthwise_kernel|(?:separable|depthwise)_conv[^.]*\.vars\.0", "Keras, layers.DepthwiseConv2D"),
    Naming(CONVOLUTION, r"pointwise_kernel|separable_conv[^.]*\.vars\.1", "Keras, layers.SeparableConv2D"),
    Naming(
        DEPTHWISE,
        r"(?:[^.]*_)?(?:depthwise|dw|dwconv|conv_?dw)(?:_?[a-z0-9]+)?(?:\.(?:[0-9]+|conv))?@",
        "timm, _efficientnet_blocks.py, convnext.py; Chainer, links.DepthwiseConvolution2D",
        axes=(3, 5),
    ),
    Naming(PARAMETER, r"w", "Chainer, links.Bilinear", ("v1", "v2"), (3, 3), ("chainer",)),
    Naming(DENSE, r"einsum_dense[^.]*\.vars\.0", "Keras, layers.EinsumDense", axes=(2, 5)),
)
