"""What a file really is, from its content: plain Python and bounded reads, as our own processes need."""

from .agreement import agrees, refusal, settled
from .bounds import check, frames
from .finding import Finding
from .look import detect, fits

__all__ = ["Finding", "agrees", "check", "detect", "fits", "frames", "refusal", "settled"]
