#!/usr/bin/env python3
"""inject.py TO PEER SPI: what nobody should send to the node with address TO, as if it came from PEER or by the SA 0xSPI, a hundred packets of each:
ESP with a forged sequence number, ESP from before the replay window, UDP in clear. Needs to be root on the nodes' network.
"""

import socket
import struct
import sys

to, peer, spi = sys.argv[1], sys.argv[2], int(sys.argv[3], 16)
esp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP)
for i in range(100):
    esp.sendto(struct.pack(">II", spi, 1_000_000 + i) + bytes(80), (to, 0))
    esp.sendto(struct.pack(">II", spi, 1) + bytes(80), (to, 0))
clear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack(">HHHH", 4321, 4321, 16, 0) + b"in clear"
head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(peer), socket.inet_aton(to))
for i in range(100):
    clear.sendto(head + udp, (to, 0))
