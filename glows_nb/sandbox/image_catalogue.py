"""The public images of FACTS 5.3: ids and names as the console shows them.

Users' own images are not here. Which images are for VMs and which ports they open by default is partly known and
partly taken from the programs they are named after, as said beside the rows.
"""

from dataclasses import dataclass

CONTAINER = 0
VM = 1
"""The contract's SpecInstanceCategory; which number is which is inferred from the order of names (FACTS 8, 7)."""


@dataclass(frozen=True)
class Image:
    """A public base image."""

    hash: str
    name: str
    http_ports: tuple[int, ...] = ()
    """What the image serves by itself, listed among a new machine's accesses without being asked for."""
    instance_categories: frozenset[int] = frozenset({CONTAINER})
    can_be_snapshotted: bool = True

    @property
    def id(self) -> str:
        """The id on the wire."""
        return f"img-{self.hash}"


_JUPYTER = (8888,)
_VLLM = (8000,)  # vLLM's own default, as SGLang's 8000 in FACTS 3.4 is the image's
_OPEN_WEBUI = (8080,)
_COMFYUI = (8188,)  # ComfyUI's own default
_GRADIO = (7860,)  # Gradio's own default, which LLaMA-Factory's 7860 in FACTS 3.4 is, too
_BOTH = frozenset({CONTAINER, VM})
_VM_ONLY = frozenset({VM})

_GENERAL = (
    Image("gzq2xep6", "CUDA12.8 Torch2.7.1 Base", _JUPYTER),
    Image("6ypgvgpw", "CUDA12.8 Torch2.8.0 Base", _JUPYTER),
    Image("6np5yvq2", "CUDA11.8 Base", _JUPYTER),
    # The contract's sample image: no default port but ssh in its create sample, both categories in its specs.
    Image("87p9kq26", "Ubuntu20.04 CUDA12.2 Python3.9", instance_categories=_BOTH),
    Image("d2q83p91", "Ubuntu20.04 CUDA12.2 Python3.11", _JUPYTER),
    Image("9rp4yp3k", "Ubuntu20.04 PyTorch2.3 CUDA11.8 Python3.11", _JUPYTER),
    Image("6jq1yqgo", "Ubuntu24.04 CUDA11.8", _JUPYTER),
    Image("17l3zmpd", "OpenMPI", _JUPYTER),
)

# That of Windows no snapshot can be taken is invented: somewhere TakingSnapNotAllowed must come from.
# "For VM", the newer driver of the same, and Windows (FACTS 3.3); Isaac Sim stands with them in FACTS 5.3.
_VIRTUAL_MACHINES = (
    Image("9rp47yp3", "Ubuntu 24.04 Docker", instance_categories=_VM_ONLY),
    Image("5yp65oq8", "Ubuntu 24.04 Docker NV580", instance_categories=_VM_ONLY),
    Image("17l354pd", "IsaacSim 5.1.0 Ubuntu", instance_categories=_VM_ONLY),
    Image("17l3gyqd", "Windows Server 2022", instance_categories=_VM_ONLY, can_be_snapshotted=False),
)

# Known ports: GPUStack 80, OpenClaw 8888 and 11434, SGLang 8000, DeepSeek-R1 32B 8080 (and so the other WebUIs).
_SERVING = (
    Image("ejqdx8lo", "SGLang 0.4.2", (8000,)),
    Image("9vl7vel1", "SGLang 0.5.7", (8000,)),
    Image("6np59vl2", "VLLM 0.9.2", _VLLM),
    Image("9yqo1xp6", "VLLM 0.10.1+gptoss", _VLLM),
    Image("9yqo3vq6", "VLLM 0.13.0", _VLLM),
    Image("rgqwxrpy", "GPUStack", (80,)),
    Image("d2q843l9", "Ollama & Open WebUI", (8080, 11434)),
    Image("neqm8dp2", "GPT OSS 20B", _OPEN_WEBUI),
    Image("rmpzm4q7", "Llama 3.1 8B", _OPEN_WEBUI),
    Image("o6qjw7pj", "Qwen3 32B Ollama 0.6.6 WebUI", _OPEN_WEBUI),
    Image("gzq22eq6", "Gemma 3 27B Ollama 0.6.2 WebUI", _OPEN_WEBUI),
    Image("gzq2eq65", "DeepSeek-R1 32B_Q4", _OPEN_WEBUI),
    Image("6np5vq2x", "DeepSeek-R1 70B_Q4", _OPEN_WEBUI),
    Image("17l3y4qd", "LM Studio", (1234,)),  # LM Studio's own default
    Image("rmpzn4p7", "N8N 2.1.4 & Ollama 0.13.5", (5678, 11434)),  # n8n's own default
    Image("6np58jp2", "OpenClaw", (8888, 11434)),
    Image("6jq1o2lg", "OpenCode & Qwen3-Coder", (8888, 11434)),
)

# Known ports: LLaMA-Factory 7860, BreezyVoice 8080; the rest are the programs' own defaults.
_MEDIA_AND_OTHER = (
    Image("87p9kkq2", "ComfyUI FLUX.1-Kontext", _COMFYUI),
    Image("8nlbkolg", "ComfyUI Base", _COMFYUI),
    Image("rgqw1yly", "ComfyUI 0.10.0", _COMFYUI),
    Image("o6qj27pj", "ComfyUI Wan2.2 14B I2V", _COMFYUI),
    Image("nkqrzldg", "ComfyUI FLUX", _COMFYUI),
    Image("o6qj7qjb", "ComfyUI Stable Diffusion XL", _COMFYUI),
    Image("j3le5ml8", "Stable Diffusion WebUI Forge", _GRADIO),
    Image("rgqw5rqy", "Fooocus WebUI", (7865,)),
    Image("y4lv5xqw", "FramePack", _GRADIO),
    Image("gjlx51p6", "BreezyVoice WebUI", (8080,)),
    Image("j3le6mq8", "Breeze-ASR-25", _JUPYTER),
    Image("y4lv3xpw", "Yolo Fastest", _JUPYTER),
    Image("neqmodl2", "LLaMA-Factory", _GRADIO),
    Image("neqmnmp2", "ChatDev 2.0", _JUPYTER),
    Image("nrpy8l64", "WebUI Autogen Studio", (8081,)),
    Image("4blk9qr6", "Liger Kernel", _JUPYTER),
    Image("rmpzyq7d", "TAIDE LX 8B WebUI", _OPEN_WEBUI),
    Image("6ypgrqw7", "MimicTalk", _GRADIO),
)

IMAGES = _GENERAL + _VIRTUAL_MACHINES + _SERVING + _MEDIA_AND_OTHER
