// A command over wasi:sockets (wasi-libc has no sockets to connect). Its first argument says what to do:
//   tcp ADDRESS PORT TEXT     connects, sends TEXT, prints all that comes back
//   tcp-serve PORT            listens on 127.0.0.1, prints "listening PORT", echoes to one client
//   udp ADDRESS PORT TEXT     sends one datagram, prints the one that comes back
//   lookup NAME               prints the addresses of NAME
//   exit CODE                 ends with that exit code
// A refusal is printed as "WHAT: error-code N", N being the case in wasi:sockets/network, and run fails.
#include "stream_copy.h"
#include "wasi_sockets.h"

IMPORT("wasi:cli/environment@" WASI_VERSION, "get-arguments") void get_arguments(Bytes* out);
IMPORT("wasi:cli/exit@" WASI_VERSION, "exit-with-code") void exit_with_code(int32_t code);
IMPORT("wasi:cli/stdout@" WASI_VERSION, "get-stdout") Handle get_stdout(void);

enum { OK = 0, FAILED = 1 };

static Handle out;

static void print(Bytes text) {
  write_all(out, text.data, text.size);
}

static void print_number(uint64_t value) {
  char digits[20];
  write_all(out, digits, write_decimal(digits, value));
}

static int32_t refuse(Bytes what, uint8_t error) {
  print(what);
  print((Bytes)TEXT(": error-code "));
  print_number(error);
  print((Bytes)TEXT("\n"));
  return FAILED;
}
#define REFUSE(what, error) refuse((Bytes)TEXT(what), error)

static uint32_t parse_number(Bytes text) {
  uint32_t value = 0;
  for (size_t i = 0; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
    value = value * 10 + (uint32_t)(text.data[i] - '0');
  return value;
}

static SocketAddress parse_address(Bytes text, Bytes port) {
  SocketAddress address = {.family = FAMILY_IPV4, .ipv4 = {.port = (uint16_t)parse_number(port)}};
  for (int part = 0; part < 4; part++) {
    address.ipv4.address[part] = (uint8_t)parse_number(text);
    while (text.size && *text.data != '.') text.data++, text.size--;
    if (text.size) text.data++, text.size--;
  }
  return address;
}

// TCP's start and finish pairs, each waited for.

static ByteResult tcp_bind(Handle socket, Handle network, SocketAddress address) {
  ByteResult result;
  tcp_start_bind(socket, network, FLATTEN(address), &result);
  while (!result.failed) {
    tcp_finish_bind(socket, &result);
    if (!result.failed || result.error != ERROR_WOULD_BLOCK) return result;
    wait_for(tcp_subscribe(socket));
    result.failed = 0;
  }
  return result;
}

static ByteResult tcp_listen(Handle socket) {
  ByteResult result;
  tcp_start_listen(socket, &result);
  while (!result.failed) {
    tcp_finish_listen(socket, &result);
    if (!result.failed || result.error != ERROR_WOULD_BLOCK) return result;
    wait_for(tcp_subscribe(socket));
    result.failed = 0;
  }
  return result;
}

static StreamsResult tcp_connect(Handle socket, Handle network, SocketAddress address) {
  ByteResult started;
  tcp_start_connect(socket, network, FLATTEN(address), &started);
  StreamsResult result = {.failed = 1, .error = started.error};
  while (!started.failed) {
    tcp_finish_connect(socket, &result);
    if (!result.failed || result.error != ERROR_WOULD_BLOCK) break;
    wait_for(tcp_subscribe(socket));
  }
  return result;
}

static int32_t tcp(Bytes address, Bytes port, Bytes text) {
  Handle network = instance_network();
  HandleResult made;
  create_tcp_socket(FAMILY_IPV4, &made);
  if (made.failed) return REFUSE("create-tcp-socket", made.error);
  Handle socket = made.handle;
  StreamsResult connected = tcp_connect(socket, network, parse_address(address, port));
  if (connected.failed) return REFUSE("connect", connected.error);
  ByteResult shut;
  if (!write_all(connected.streams.output, text.data, text.size)) return REFUSE("write", 0);
  tcp_shutdown(socket, SHUTDOWN_SEND, &shut);
  if (shut.failed) return REFUSE("shutdown", shut.error);
  bool whole = copy_stream(connected.streams.input, out);
  input_drop(connected.streams.input);
  output_drop(connected.streams.output);
  tcp_drop(socket);
  network_drop(network);
  return whole ? OK : FAILED;
}

static int32_t tcp_serve(Bytes port) {
  Handle network = instance_network();
  HandleResult made;
  create_tcp_socket(FAMILY_IPV4, &made);
  if (made.failed) return REFUSE("create-tcp-socket", made.error);
  Handle socket = made.handle;
  ByteResult result = tcp_bind(socket, network, parse_address((Bytes)TEXT("127.0.0.1"), port));
  if (result.failed) return REFUSE("bind", result.error);
  result = tcp_listen(socket);
  if (result.failed) return REFUSE("listen", result.error);
  AddressResult local;
  tcp_local_address(socket, &local);
  if (local.failed) return REFUSE("local-address", local.error);
  print((Bytes)TEXT("listening "));
  print_number(local.address.ipv4.port);
  print((Bytes)TEXT("\n"));
  AcceptResult accepted;
  for (tcp_accept(socket, &accepted); accepted.failed; tcp_accept(socket, &accepted)) {
    if (accepted.error != ERROR_WOULD_BLOCK) return REFUSE("accept", accepted.error);
    wait_for(tcp_subscribe(socket));
  }
  Streams streams = accepted.accepted.streams;
  bool whole = copy_stream(streams.input, streams.output);
  input_drop(streams.input);
  output_drop(streams.output);
  tcp_drop(accepted.accepted.socket);
  tcp_drop(socket);
  network_drop(network);
  return whole ? OK : FAILED;
}

static int32_t send_datagram(Handle outgoing, Bytes text) {
  CountResult room;
  for (udp_check_send(outgoing, &room); !room.failed && !room.count; udp_check_send(outgoing, &room))
    wait_for(udp_send_subscribe(outgoing));
  if (room.failed) return REFUSE("check-send", room.error);
  OutgoingDatagram datagram = {.data = text, .has_address = 0};
  udp_send(outgoing, &datagram, 1, &room);
  return room.failed ? REFUSE("send", room.error) : OK;
}

static int32_t udp(Bytes address, Bytes port, Bytes text) {
  Handle network = instance_network();
  HandleResult made;
  create_udp_socket(FAMILY_IPV4, &made);
  if (made.failed) return REFUSE("create-udp-socket", made.error);
  Handle socket = made.handle;
  SocketAddress any = {.family = FAMILY_IPV4};
  ByteResult bound;
  udp_start_bind(socket, network, FLATTEN(any), &bound);
  if (bound.failed) return REFUSE("bind", bound.error);
  udp_finish_bind(socket, &bound);
  if (bound.failed) return REFUSE("bind", bound.error);
  StreamsResult opened;
  SocketAddress remote = parse_address(address, port);
  udp_stream(socket, 1, FLATTEN(remote), &opened);
  if (opened.failed) return REFUSE("stream", opened.error);
  Handle incoming = opened.streams.input, outgoing = opened.streams.output;
  if (send_datagram(outgoing, text)) return FAILED;
  ListResult received;
  for (udp_receive(incoming, 1, &received); !received.failed && !received.list.size;
       udp_receive(incoming, 1, &received))
    wait_for(udp_receive_subscribe(incoming));
  if (received.failed) return REFUSE("receive", received.error);
  print(((const IncomingDatagram*)received.list.data)->data);
  udp_receive_drop(incoming);
  udp_send_drop(outgoing);
  udp_drop(socket);
  network_drop(network);
  return OK;
}

static int32_t lookup(Bytes name) {
  Handle network = instance_network();
  HandleResult started;
  resolve_addresses(network, name.data, name.size, &started);
  if (started.failed) return REFUSE("resolve-addresses", started.error);
  for (;;) {
    LookupResult got;
    resolve_next_address(started.handle, &got);
    if (got.failed && got.error == ERROR_WOULD_BLOCK) {
      wait_for(resolve_subscribe(started.handle));
    } else if (got.failed) {
      return REFUSE("resolve-next-address", got.error);
    } else if (!got.next.present) {
      break;
    } else if (got.next.address.family == FAMILY_IPV4) {
      for (int part = 0; part < 4; part++) {
        if (part) print((Bytes)TEXT("."));
        print_number(got.next.address.ipv4[part]);
      }
      print((Bytes)TEXT("\n"));
    } else {
      print((Bytes)TEXT("IPv6\n"));
    }
  }
  resolve_drop(started.handle);
  network_drop(network);
  return OK;
}

EXPORT("wasi:cli/run@" WASI_VERSION "#run") int32_t run(void) {
  out = get_stdout();
  Bytes list;
  get_arguments(&list);
  const Bytes* words = (const Bytes*)list.data;
  size_t count = list.size;
  int32_t status = FAILED;
  if (count == 5 && equal(words[1], (Bytes)TEXT("tcp"))) {
    status = tcp(words[2], words[3], words[4]);
  } else if (count == 3 && equal(words[1], (Bytes)TEXT("tcp-serve"))) {
    status = tcp_serve(words[2]);
  } else if (count == 5 && equal(words[1], (Bytes)TEXT("udp"))) {
    status = udp(words[2], words[3], words[4]);
  } else if (count == 3 && equal(words[1], (Bytes)TEXT("lookup"))) {
    status = lookup(words[2]);
  } else if (count == 3 && equal(words[1], (Bytes)TEXT("exit"))) {
    exit_with_code((int32_t)parse_number(words[2]));
  } else {
    print((Bytes)TEXT(
        "usage: tcp ADDRESS PORT TEXT | tcp-serve PORT | udp ADDRESS PORT TEXT | lookup NAME | exit CODE\n"));
  }
  output_drop(out);
  return status;
}
