#include "nats/nkey.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace wattle::nats {
namespace {

using Key = std::array<uint8_t, 32>;

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr uint8_t kSeedPrefix = 18 << 3;  // S
constexpr size_t kTextMax = 128;
constexpr std::string_view kSealVersion = "xkv1";

const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// CRC-16/XMODEM.
uint16_t checksum(const uint8_t* bytes, size_t count) {
  uint16_t crc = 0;
  for (size_t i = 0; i < count; ++i) {
    crc = static_cast<uint16_t>(crc ^ (bytes[i] << 8));
    for (int bit = 0; bit < 8; ++bit)
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
  }
  return crc;
}

// Appends the checksum and writes all of it in base32.
std::string encode(std::vector<uint8_t> bytes) {
  const uint16_t crc = checksum(bytes.data(), bytes.size());
  bytes.push_back(static_cast<uint8_t>(crc & 0xff));
  bytes.push_back(static_cast<uint8_t>(crc >> 8));
  std::string text;
  uint32_t window = 0;
  int bits = 0;
  for (uint8_t byte : bytes) {
    window = (window << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += kBase32[(window >> (bits - 5)) & 31];
  }
  if (bits > 0) text += kBase32[(window << (5 - bits)) & 31];
  sodium_memzero(bytes.data(), bytes.size());
  return text;
}

// The bytes before the checksum, if it is right.
Result<std::vector<uint8_t>> decode(std::string_view text, std::string_view what) {
  const auto refuse = [&] {
    return failure(ErrorCode::malformed, "this is no {}: it is not base32 with a right checksum", what);
  };
  if (text.size() > kTextMax) return refuse();
  std::vector<uint8_t> bytes;
  uint32_t window = 0;
  int bits = 0;
  for (char c : text) {
    const size_t digit = kBase32.find(c);
    if (digit == std::string_view::npos) return refuse();
    window = (window << 5) | static_cast<uint32_t>(digit);
    bits += 5;
    if (bits < 8) continue;
    bytes.push_back(static_cast<uint8_t>((window >> (bits - 8)) & 0xff));
    bits -= 8;
  }
  if (bytes.size() < 4 || (window & ((1U << bits) - 1)) != 0) return refuse();
  const uint16_t crc = checksum(bytes.data(), bytes.size() - 2);
  if (bytes[bytes.size() - 2] != (crc & 0xff) || bytes.back() != crc >> 8) return refuse();
  bytes.resize(bytes.size() - 2);
  return bytes;
}

bool is_kind(uint8_t prefix) {
  switch (static_cast<KeyKind>(prefix)) {
    case KeyKind::account:
    case KeyKind::cluster:
    case KeyKind::module:
    case KeyKind::server:
    case KeyKind::operator_:
    case KeyKind::user:
    case KeyKind::provider:
    case KeyKind::curve:
      return true;
  }
  return false;
}

std::string public_text(KeyKind kind, const Key& key) {
  std::vector<uint8_t> bytes{static_cast<uint8_t>(kind)};
  bytes.insert(bytes.end(), key.begin(), key.end());
  return encode(std::move(bytes));
}

// The seed's prefix and the kind's share two bytes, five bits each.
std::string seed_text(KeyKind kind, const Key& seed) {
  const auto prefix = static_cast<uint8_t>(kind);
  std::vector<uint8_t> bytes{static_cast<uint8_t>(kSeedPrefix | (prefix >> 5)),
                             static_cast<uint8_t>((prefix & 31) << 3)};
  bytes.insert(bytes.end(), seed.begin(), seed.end());
  return encode(std::move(bytes));
}

struct Named {
  KeyKind kind;
  Key key;
};

Result<Named> read_seed(std::string_view text) {
  WATTLE_TRY(auto bytes, decode(text, "NATS seed"));
  Named named{};
  const bool whole = bytes.size() == 34;
  const auto prefix = static_cast<uint8_t>(whole ? ((bytes[0] & 7) << 5) | (bytes[1] >> 3) : 0);
  const bool seed = whole && (bytes[0] & 0xf8) == kSeedPrefix && is_kind(prefix);
  if (seed) {
    named.kind = static_cast<KeyKind>(prefix);
    std::copy(bytes.begin() + 2, bytes.end(), named.key.begin());
  }
  sodium_memzero(bytes.data(), bytes.size());
  if (!seed) return failure(ErrorCode::malformed, "this is no NATS seed: a seed begins with S and its kind");
  return named;
}

Result<Named> read_public(std::string_view text) {
  WATTLE_TRY(const auto bytes, decode(text, "NATS public key"));
  if (bytes.size() != 33 || !is_kind(bytes[0]))
    return failure(ErrorCode::malformed, "\"{}\" is no NATS public key", text);
  Named named{static_cast<KeyKind>(bytes[0]), {}};
  std::copy(bytes.begin() + 1, bytes.end(), named.key.begin());
  return named;
}

Result<Key> read_curve_public(std::string_view text) {
  WATTLE_TRY(const Named named, read_public(text));
  if (named.kind != KeyKind::curve)
    return failure(ErrorCode::invalid_argument, "\"{}\" is not an xkey: those begin with X", text);
  return named.key;
}

Key random_key() {
  // Safe to call again and again, from any thread.
  if (sodium_init() < 0) std::abort();
  Key key;
  randombytes_buf(key.data(), key.size());
  return key;
}

}  // namespace

KeyPair::KeyPair(KeyKind kind, const Key& seed) : kind_(kind), seed_(seed) {
  crypto_sign_seed_keypair(public_.data(), secret_.data(), seed_.data());
}

KeyPair::~KeyPair() {
  sodium_memzero(seed_.data(), seed_.size());
  sodium_memzero(secret_.data(), secret_.size());
}

KeyPair KeyPair::generate(KeyKind kind) {
  return KeyPair(kind, random_key());
}

Result<KeyPair> KeyPair::from_seed(std::string_view seed) {
  WATTLE_TRY(const Named named, read_seed(seed));
  if (named.kind == KeyKind::curve)
    return failure(ErrorCode::invalid_argument, "this seed is an xkey's, which cannot sign");
  return KeyPair(named.kind, named.key);
}

std::string KeyPair::public_key() const {
  return public_text(kind_, public_);
}

std::string KeyPair::seed() const {
  return seed_text(kind_, seed_);
}

std::array<uint8_t, 64> KeyPair::sign(std::string_view bytes) const {
  std::array<uint8_t, 64> signature;
  crypto_sign_detached(signature.data(), nullptr, bytes_of(bytes), bytes.size(), secret_.data());
  return signature;
}

Result<bool> verify(std::string_view public_key, std::string_view bytes, std::string_view signature) {
  WATTLE_TRY(const Named named, read_public(public_key));
  if (named.kind == KeyKind::curve)
    return failure(ErrorCode::invalid_argument, "\"{}\" is an xkey, which cannot sign", public_key);
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(bytes_of(signature), bytes_of(bytes), bytes.size(), named.key.data()) ==
             0;
}

Result<KeyKind> kind_of_public_key(std::string_view public_key) {
  WATTLE_TRY(const Named named, read_public(public_key));
  return named.kind;
}

CurveKeyPair::CurveKeyPair(const Key& secret) : secret_(secret) {
  crypto_scalarmult_base(public_.data(), secret_.data());
}

CurveKeyPair::~CurveKeyPair() {
  sodium_memzero(secret_.data(), secret_.size());
}

CurveKeyPair CurveKeyPair::generate() {
  return CurveKeyPair(random_key());
}

Result<CurveKeyPair> CurveKeyPair::from_seed(std::string_view seed) {
  WATTLE_TRY(const Named named, read_seed(seed));
  if (named.kind != KeyKind::curve)
    return failure(ErrorCode::invalid_argument, "this seed is not an xkey's: those begin with SX");
  return CurveKeyPair(named.key);
}

std::string CurveKeyPair::public_key() const {
  return public_text(KeyKind::curve, public_);
}

std::string CurveKeyPair::seed() const {
  return seed_text(KeyKind::curve, secret_);
}

Result<std::string> CurveKeyPair::seal(std::string_view bytes, std::string_view reader) const {
  WATTLE_TRY(const Key to, read_curve_public(reader));
  std::string sealed(kSealVersion.size() + crypto_box_NONCEBYTES + crypto_box_MACBYTES + bytes.size(), '\0');
  std::ranges::copy(kSealVersion, sealed.begin());
  auto* nonce = reinterpret_cast<uint8_t*>(sealed.data()) + kSealVersion.size();
  randombytes_buf(nonce, crypto_box_NONCEBYTES);
  if (crypto_box_easy(nonce + crypto_box_NONCEBYTES, bytes_of(bytes), bytes.size(), nonce, to.data(),
                      secret_.data()) != 0)
    return failure(ErrorCode::invalid_argument, "\"{}\" is no usable xkey", reader);
  return sealed;
}

Result<std::string> CurveKeyPair::open(std::string_view sealed, std::string_view writer) const {
  WATTLE_TRY(const Key from, read_curve_public(writer));
  if (!sealed.starts_with(kSealVersion) ||
      sealed.size() < kSealVersion.size() + crypto_box_NONCEBYTES + crypto_box_MACBYTES)
    return failure(ErrorCode::malformed, "this is nothing that an xkey sealed");
  sealed.remove_prefix(kSealVersion.size());
  const std::string_view nonce = sealed.substr(0, crypto_box_NONCEBYTES);
  const std::string_view box = sealed.substr(crypto_box_NONCEBYTES);
  std::string bytes(box.size() - crypto_box_MACBYTES, '\0');
  if (crypto_box_open_easy(reinterpret_cast<uint8_t*>(bytes.data()), bytes_of(box), box.size(),
                           bytes_of(nonce), from.data(), secret_.data()) != 0)
    return failure(
        ErrorCode::permission_denied,
        "what was sealed cannot be opened: it is from another writer, for another reader, or changed");
  return bytes;
}

}  // namespace wattle::nats
