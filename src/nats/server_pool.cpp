#include "nats/server_pool.h"

#include <sodium.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace wattle::nats {
namespace {

bool is_address(const std::string& host) {
  boost::system::error_code problem;
  boost::asio::ip::make_address(host, problem);
  return !problem;
}

}  // namespace

ServerPool::ServerPool(std::vector<Url> urls) {
  for (Url& url : urls) {
    const bool known = std::ranges::any_of(servers_, [&](const Server& s) { return s.url.same_place(url); });
    if (known || servers_.size() == kServersMax) continue;
    std::string name = url.host;
    servers_.push_back({std::move(url), std::move(name), false});
  }
}

void ServerPool::learn(std::span<const std::string> places, const Server& from) {
  if (places.empty()) return;  // a server that names none says nothing about the others
  std::vector<Url> told;
  for (const std::string& place : places)
    if (auto urls = parse_urls(place); urls && urls->size() == 1) told.push_back(std::move(urls->front()));
  const Server source = from;  // `from` may be one of ours
  const auto is_told = [&](const Server& server) {
    return std::ranges::any_of(told, [&](const Url& url) { return url.same_place(server.url); });
  };
  std::erase_if(servers_, [&](const Server& server) {
    return server.learnt && !is_told(server) && !server.url.same_place(source.url);
  });
  for (Url& url : told) {
    const bool known = std::ranges::any_of(servers_, [&](const Server& s) { return s.url.same_place(url); });
    if (known || servers_.size() >= kServersMax) continue;
    url.tls = source.url.tls;
    url.user = source.url.user;
    url.password = source.url.password;
    url.token = source.url.token;
    std::string name = is_address(url.host) ? source.tls_name : url.host;
    const auto place = randombytes_uniform(static_cast<uint32_t>(servers_.size() + 1));
    servers_.insert(servers_.begin() + place, {std::move(url), std::move(name), true});
  }
  next_ = std::min(next_, servers_.size());
}

const Server& ServerPool::next() {
  if (next_ >= servers_.size()) next_ = 0;
  return servers_[next_++];
}

}  // namespace wattle::nats
