#include "wasi/sockets_lookup.h"

#include <netdb.h>

#include <algorithm>
#include <cctype>

namespace wattle::wasi {

namespace {

constexpr size_t kMaxAddresses = 64;

SocketErrorCode lookup_error(int error) {
  switch (error) {
    case EAI_AGAIN:
      return SocketErrorCode::temporary_resolver_failure;
    case EAI_FAIL:
      return SocketErrorCode::permanent_resolver_failure;
    case EAI_MEMORY:
      return SocketErrorCode::out_of_memory;
    case EAI_NONAME:
    case EAI_NODATA:
      return SocketErrorCode::name_unresolvable;
    default:
      return SocketErrorCode::unknown;
  }
}

// Blocks. The system's resolver bounds how long.
SocketResult<std::vector<IpAddress>> look_up(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  int error = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (error != 0) return tl::make_unexpected(lookup_error(error));
  std::vector<IpAddress> addresses;
  for (const addrinfo* entry = found; entry != nullptr && addresses.size() < kMaxAddresses;
       entry = entry->ai_next) {
    SocketAddress address;
    address.length = std::min<socklen_t>(entry->ai_addrlen, sizeof address.storage);
    std::copy_n(reinterpret_cast<const char*>(entry->ai_addr), address.length,
                reinterpret_cast<char*>(&address.storage));
    const IpAddress ip = address.ip().unmapped();
    if (std::find(addresses.begin(), addresses.end(), ip) == addresses.end()) addresses.push_back(ip);
  }
  freeaddrinfo(found);
  return addresses;
}

// Letters, digits, "-", "_", "." and what is not ASCII; no empty labels.
bool is_host_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253 || name.starts_with('.') || name.find("..") != name.npos)
    return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char letter) {
    return std::isalnum(letter) != 0 || letter == '-' || letter == '_' || letter == '.' || letter >= 0x80;
  });
}

}  // namespace

SocketResult<std::unique_ptr<ResolveAddressStream>> ResolveAddressStream::resolve(Host& host,
                                                                                  const std::string& name) {
  std::unique_ptr<ResolveAddressStream> stream(new ResolveAddressStream(host, name));
  if (!stream->charge_.resize(kSocketCharge)) return tl::make_unexpected(SocketErrorCode::new_socket_limit);
  std::string_view bare = name;
  if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
  if (auto address = IpAddress::parse(bare)) {
    stream->lookup_->addresses = std::vector<IpAddress>{*address};
    stream->lookup_->done = true;
    stream->name_.clear();  // nothing was learnt about a name
    return stream;
  }
  if (!is_host_name(name)) return tl::make_unexpected(SocketErrorCode::invalid_argument);
  Context& context = context_of(host);
  if (!context.network.allows_name(name)) return tl::make_unexpected(SocketErrorCode::access_denied);
  async::Worker::current()->spawn([lookup = stream->lookup_, name, pool = &context.blocking] {
    lookup->addresses = async::offload(*pool, [&] { return look_up(name); });
    lookup->done = true;
    lookup->changed.notify();
  });
  return stream;
}

SocketResult<std::optional<GuestIpAddress>> ResolveAddressStream::next(Host& host) {
  if (!lookup_->done) return tl::make_unexpected(SocketErrorCode::would_block);
  if (!lookup_->addresses) return tl::make_unexpected(lookup_->addresses.error());
  if (next_ == lookup_->addresses->size()) return std::optional<GuestIpAddress>();
  const IpAddress& address = (*lookup_->addresses)[next_++];
  if (!name_.empty()) context_of(host).network.note_resolved(name_, address);
  return std::optional<GuestIpAddress>(guest_address(address));
}

void add_name_lookup(runtime::Linker& linker) {
  constexpr std::string_view kLookup = "wasi:sockets/ip-name-lookup@0.2.12";
  linker.resource<ResolveAddressStream>();
  linker.function(kLookup, "resolve-addresses", [](Host& host, Network&, std::string name) {
    return ResolveAddressStream::resolve(host, name);
  });
  linker.function(kLookup, "[method]resolve-address-stream.resolve-next-address",
                  [](Host& host, ResolveAddressStream& self) { return self.next(host); });
  linker.function(kLookup, "[method]resolve-address-stream.subscribe",
                  [](Host&, ResolveAddressStream& self) { return self.subscribe(); });
}

}  // namespace wattle::wasi
