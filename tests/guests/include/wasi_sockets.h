// wasi:sockets as a guest without a C library imports it, for IPv4.
#pragma once

#include "wasi_io.h"

#define WASI_NETWORK "wasi:sockets/network@" WASI_VERSION
#define WASI_TCP "wasi:sockets/tcp@" WASI_VERSION
#define WASI_UDP "wasi:sockets/udp@" WASI_VERSION
#define WASI_LOOKUP "wasi:sockets/ip-name-lookup@" WASI_VERSION

enum { FAMILY_IPV4 = 0, FAMILY_IPV6 = 1 };
enum { SHUTDOWN_RECEIVE = 0, SHUTDOWN_SEND = 1, SHUTDOWN_BOTH = 2 };
enum { ERROR_WOULD_BLOCK = 8 };

// ip-socket-address in memory.
typedef struct {
  uint8_t family;
  union {
    struct {
      uint16_t port;
      uint8_t address[4];
    } ipv4;
    struct {
      uint16_t port;
      uint32_t flow;
      uint16_t address[8];
      uint32_t scope;
    } ipv6;
  };
} SocketAddress;

// result<ip-socket-address, error-code>
typedef struct {
  uint8_t failed;
  union {
    SocketAddress address;
    uint8_t error;
  };
} AddressResult;

typedef struct {
  Handle input;
  Handle output;
} Streams;

// result<tuple<input-stream, output-stream>, error-code>, and the two streams of datagrams likewise.
typedef struct {
  uint8_t failed;
  union {
    Streams streams;
    uint8_t error;
  };
} StreamsResult;

// result<tuple<tcp-socket, input-stream, output-stream>, error-code>
typedef struct {
  uint8_t failed;
  union {
    struct {
      Handle socket;
      Streams streams;
    } accepted;
    uint8_t error;
  };
} AcceptResult;

// result<list<T>, error-code>
typedef struct {
  uint8_t failed;
  union {
    Bytes list;
    uint8_t error;
  };
} ListResult;

// result<u64, error-code>
typedef struct {
  uint8_t failed;
  union {
    uint64_t count;
    uint8_t error;
  };
} CountResult;

// result<option<ip-address>, error-code>
typedef struct {
  uint8_t failed;
  union {
    struct {
      uint8_t present;
      struct {
        uint8_t family;
        union {
          uint8_t ipv4[4];
          uint16_t ipv6[8];
        };
      } address;
    } next;
    uint8_t error;
  };
} LookupResult;

typedef struct {
  Bytes data;
  SocketAddress from;
} IncomingDatagram;

typedef struct {
  Bytes data;
  uint8_t has_address;
  SocketAddress to;
} OutgoingDatagram;

// An ip-socket-address, flattened: case, port, four bytes, and what only IPv6 needs.
#define FLAT_ADDRESS                                                                         \
  int32_t family, int32_t port, int32_t a, int32_t b, int32_t c, int32_t d, int32_t unused5, \
      int32_t unused6, int32_t unused7, int32_t unused8, int32_t unused9, int32_t unused10
#define FLATTEN(socket)                                                                \
  FAMILY_IPV4, (socket).ipv4.port, (socket).ipv4.address[0], (socket).ipv4.address[1], \
      (socket).ipv4.address[2], (socket).ipv4.address[3], 0, 0, 0, 0, 0, 0

IMPORT("wasi:sockets/instance-network@" WASI_VERSION, "instance-network") Handle instance_network(void);
IMPORT(WASI_NETWORK, "[resource-drop]network") void network_drop(Handle self);

IMPORT("wasi:sockets/tcp-create-socket@" WASI_VERSION, "create-tcp-socket")
void create_tcp_socket(int32_t family, HandleResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.start-bind")
void tcp_start_bind(Handle self, Handle network, FLAT_ADDRESS, ByteResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.finish-bind") void tcp_finish_bind(Handle self, ByteResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.start-connect")
void tcp_start_connect(Handle self, Handle network, FLAT_ADDRESS, ByteResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.finish-connect")
void tcp_finish_connect(Handle self, StreamsResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.start-listen") void tcp_start_listen(Handle self, ByteResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.finish-listen") void tcp_finish_listen(Handle self, ByteResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.accept") void tcp_accept(Handle self, AcceptResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.local-address") void tcp_local_address(Handle self, AddressResult* out);
IMPORT(WASI_TCP, "[method]tcp-socket.subscribe") Handle tcp_subscribe(Handle self);
IMPORT(WASI_TCP, "[method]tcp-socket.shutdown") void tcp_shutdown(Handle self, int32_t kind, ByteResult* out);
IMPORT(WASI_TCP, "[resource-drop]tcp-socket") void tcp_drop(Handle self);

IMPORT("wasi:sockets/udp-create-socket@" WASI_VERSION, "create-udp-socket")
void create_udp_socket(int32_t family, HandleResult* out);
IMPORT(WASI_UDP, "[method]udp-socket.start-bind")
void udp_start_bind(Handle self, Handle network, FLAT_ADDRESS, ByteResult* out);
IMPORT(WASI_UDP, "[method]udp-socket.finish-bind") void udp_finish_bind(Handle self, ByteResult* out);
IMPORT(WASI_UDP, "[method]udp-socket.stream")
void udp_stream(Handle self, int32_t has_address, FLAT_ADDRESS, StreamsResult* out);
IMPORT(WASI_UDP, "[method]incoming-datagram-stream.receive")
void udp_receive(Handle self, uint64_t count_max, ListResult* out);
IMPORT(WASI_UDP, "[method]incoming-datagram-stream.subscribe") Handle udp_receive_subscribe(Handle self);
IMPORT(WASI_UDP, "[resource-drop]incoming-datagram-stream") void udp_receive_drop(Handle self);
IMPORT(WASI_UDP, "[method]outgoing-datagram-stream.check-send")
void udp_check_send(Handle self, CountResult* out);
IMPORT(WASI_UDP, "[method]outgoing-datagram-stream.send")
void udp_send(Handle self, const OutgoingDatagram* datagrams, size_t count, CountResult* out);
IMPORT(WASI_UDP, "[method]outgoing-datagram-stream.subscribe") Handle udp_send_subscribe(Handle self);
IMPORT(WASI_UDP, "[resource-drop]outgoing-datagram-stream") void udp_send_drop(Handle self);
IMPORT(WASI_UDP, "[resource-drop]udp-socket") void udp_drop(Handle self);

IMPORT(WASI_LOOKUP, "resolve-addresses")
void resolve_addresses(Handle network, const char* name, size_t size, HandleResult* out);
IMPORT(WASI_LOOKUP, "[method]resolve-address-stream.resolve-next-address")
void resolve_next_address(Handle self, LookupResult* out);
IMPORT(WASI_LOOKUP, "[method]resolve-address-stream.subscribe") Handle resolve_subscribe(Handle self);
IMPORT(WASI_LOOKUP, "[resource-drop]resolve-address-stream") void resolve_drop(Handle self);
