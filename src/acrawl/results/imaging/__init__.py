"""What is made of saved images: thumbnails, another format, and 64 bits that tell what looks alike.

::

    making     what the settings ask for, and what comes of it
    decoding   one image, by Pillow: whole or broken, and what is made of it        (in a process of its own)
    child      that process: one image after the other, within bounds of time and memory
    children   few of them; one that dies costs the image it was at, and no other
    alike      which images look alike, of a million of them

Images come from strangers, and decoders are written in C: what kills one or hangs it is told of that image, whose bytes
are kept as they came. Pillow is imported by those processes alone, and none of them starts unless a setting asks.
"""
