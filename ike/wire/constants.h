// The numbers of IKEv2 as IANA registers them ("Internet Key Exchange Version 2 (IKEv2)
// Parameters"), in the RFCs' spelling.
//
// Assumption: a value that came from the wire may be none of the enumerators; every switch over one
// of these types has a road for it. name_of() of such a value is "unknown"; describe() gives the
// name or, for an unknown one, the number ("notify 40960").
// Transform ids are not here: they belong to the algorithms (ike/crypto/suite.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace espalier::ike::wire {

// "IKEv2 Exchange Types"; RFC 7296 section 3.1.
enum class ExchangeType : std::uint8_t {
  kIkeSaInit = 34,
  kIkeAuth = 35,
  kCreateChildSa = 36,
  kInformational = 37,
  kIkeSessionResume = 38,  // RFC 5723
  kIkeIntermediate = 43,   // RFC 9242
  kIkeFollowupKe = 44,     // RFC 9370
};

// "IKEv2 Payload Types"; RFC 7296 section 3.2.
enum class PayloadType : std::uint8_t {
  kNone = 0,
  kSa = 33,
  kKe = 34,
  kIdi = 35,
  kIdr = 36,
  kCert = 37,
  kCertReq = 38,
  kAuth = 39,
  kNonce = 40,
  kNotify = 41,
  kDelete = 42,
  kVendorId = 43,
  kTsi = 44,
  kTsr = 45,
  kSk = 46,
  kCp = 47,
  kEap = 48,
  kSkf = 53,  // RFC 7383
};

// "IKEv2 Notify Message Error Types" (below 16384) and "... Status Types"; RFC 7296
// section 3.10.1 unless another is named.
enum class NotifyType : std::uint16_t {
  kUnsupportedCriticalPayload = 1,
  kInvalidIkeSpi = 4,
  kInvalidMajorVersion = 5,
  kInvalidSyntax = 7,
  kInvalidMessageId = 9,
  kInvalidSpi = 11,
  kNoProposalChosen = 14,
  kInvalidKePayload = 17,
  kAuthenticationFailed = 24,
  kSinglePairRequired = 34,
  kNoAdditionalSas = 35,
  kInternalAddressFailure = 36,
  kFailedCpRequired = 37,
  kTsUnacceptable = 38,
  kInvalidSelectors = 39,
  kUnacceptableAddresses = 40,  // RFC 4555
  kUnexpectedNatDetected = 41,  // RFC 4555
  kUseAssignedHoA = 42,         // RFC 5026
  kTemporaryFailure = 43,
  kChildSaNotFound = 44,
  kInvalidGroupId = 45,       // RFC 9838
  kAuthorizationFailed = 46,  // RFC 9838
  kStateNotFound = 47,        // RFC 9370
  kTsMaxQueue = 48,           // RFC 9611

  kInitialContact = 16384,
  kSetWindowSize = 16385,
  kAdditionalTsPossible = 16386,
  kIpcompSupported = 16387,
  kNatDetectionSourceIp = 16388,
  kNatDetectionDestinationIp = 16389,
  kCookie = 16390,
  kUseTransportMode = 16391,
  kHttpCertLookupSupported = 16392,
  kRekeySa = 16393,
  kEspTfcPaddingNotSupported = 16394,
  kNonFirstFragmentsAlso = 16395,
  kMobikeSupported = 16396,  // RFC 4555, this and the next five
  kAdditionalIp4Address = 16397,
  kAdditionalIp6Address = 16398,
  kNoAdditionalAddresses = 16399,
  kUpdateSaAddresses = 16400,
  kCookie2 = 16401,
  kNoNatsAllowed = 16402,                    // RFC 4555
  kAuthLifetime = 16403,                     // RFC 4478
  kMultipleAuthSupported = 16404,            // RFC 4739
  kAnotherAuthFollows = 16405,               // RFC 4739
  kRedirectSupported = 16406,                // RFC 5685
  kRedirect = 16407,                         // RFC 5685
  kRedirectedFrom = 16408,                   // RFC 5685
  kTicketLtOpaque = 16409,                   // RFC 5723
  kTicketRequest = 16410,                    // RFC 5723
  kTicketAck = 16411,                        // RFC 5723
  kTicketNack = 16412,                       // RFC 5723
  kTicketOpaque = 16413,                     // RFC 5723
  kUseWespMode = 16415,                      // RFC 5840
  kRohcSupported = 16416,                    // RFC 5857
  kEapOnlyAuthentication = 16417,            // RFC 5998
  kChildlessIkev2Supported = 16418,          // RFC 6023
  kQuickCrashDetection = 16419,              // RFC 6290
  kIkev2MessageIdSyncSupported = 16420,      // RFC 6311
  kIpsecReplayCounterSyncSupported = 16421,  // RFC 6311
  kIkev2MessageIdSync = 16422,               // RFC 6311
  kIpsecReplayCounterSync = 16423,           // RFC 6311
  kIkev2FragmentationSupported = 16430,      // RFC 7383
  kSignatureHashAlgorithms = 16431,          // RFC 7427
  kCloneIkeSaSupported = 16432,              // RFC 7791
  kCloneIkeSa = 16433,                       // RFC 7791
  kPuzzle = 16434,                           // RFC 8019
  kUsePpk = 16435,                           // RFC 8784
  kPpkIdentity = 16436,                      // RFC 8784
  kNoPpkAuth = 16437,                        // RFC 8784
  kIntermediateExchangeSupported = 16438,    // RFC 9242
  kIp4Allowed = 16439,                       // RFC 8983
  kIp6Allowed = 16440,                       // RFC 8983
  kAdditionalKeyExchange = 16441,            // RFC 9370
  kUseAggfrag = 16442,                       // RFC 9347
  kSupportedAuthMethods = 16443,             // RFC 9593
  kSaResourceInfo = 16444,                   // RFC 9611
  kUsePpkInt = 16445,                        // RFC 9867
  kPpkIdentityKey = 16446,                   // RFC 9867
};

// RFC 7296 section 3.10.1: below 16384 a notify reports an error.
[[nodiscard]] constexpr bool is_error(NotifyType type) {
  return static_cast<std::uint16_t>(type) < 16384;
}

// "Transform Type Values"; RFC 7296 section 3.3.2, RFC 9370 for 6 to 12.
enum class TransformType : std::uint8_t {
  kEncryption = 1,       // ENCR
  kPrf = 2,              // PRF
  kIntegrity = 3,        // INTEG
  kKeyExchange = 4,      // KE, until RFC 9370: D-H
  kSequenceNumbers = 5,  // ESN (RFC 9827 names it Sequence Numbers)
  kAdditionalKe1 = 6,
  kAdditionalKe2 = 7,
  kAdditionalKe3 = 8,
  kAdditionalKe4 = 9,
  kAdditionalKe5 = 10,
  kAdditionalKe6 = 11,
  kAdditionalKe7 = 12,
};

// "Transform Attribute Types"; RFC 7296 section 3.3.5.
inline constexpr std::uint16_t kAttributeKeyLength = 14;

// "IKEv2 Identification Payload ID Types"; RFC 7296 section 3.5.
enum class IdType : std::uint8_t {
  kIpv4Addr = 1,
  kFqdn = 2,
  kRfc822Addr = 3,
  kIpv6Addr = 5,
  kDerAsn1Dn = 9,
  kDerAsn1Gn = 10,
  kKeyId = 11,
  kFcName = 12,  // RFC 4595
  kNull = 13,    // RFC 7619
};

// "IKEv2 Authentication Method"; RFC 7296 section 3.8.
enum class AuthMethod : std::uint8_t {
  kRsaDigitalSignature = 1,
  kSharedKeyMic = 2,
  kDssDigitalSignature = 3,
  kEcdsaSha256P256 = 9,    // RFC 4754
  kEcdsaSha384P384 = 10,   // RFC 4754
  kEcdsaSha512P521 = 11,   // RFC 4754
  kNull = 13,              // RFC 7619
  kDigitalSignature = 14,  // RFC 7427
};

// "IKEv2 Hash Algorithms", the words of SIGNATURE_HASH_ALGORITHMS; RFC 7427 section 7.
enum class HashAlgorithm : std::uint16_t {
  kSha1 = 1,
  kSha256 = 2,
  kSha384 = 3,
  kSha512 = 4,
  kIdentity = 5,  // RFC 8420
};

// "IKEv2 Certificate Encodings"; RFC 7296 section 3.6.
enum class CertEncoding : std::uint8_t {
  kPkcs7X509 = 1,
  kPgp = 2,
  kDnsSignedKey = 3,
  kX509Signature = 4,
  kKerberosToken = 6,
  kCrl = 7,
  kArl = 8,
  kSpki = 9,
  kX509Attribute = 10,
  kRawRsaKey = 11,
  kHashAndUrl = 12,
  kHashAndUrlBundle = 13,
  kOcspContent = 14,   // RFC 4806
  kRawPublicKey = 15,  // RFC 7670
};

// "IKEv2 Security Protocol Identifiers"; RFC 7296 section 3.3.1. kNone stands in a Notify that
// concerns no existing SA.
enum class ProtocolId : std::uint8_t { kNone = 0, kIke = 1, kAh = 2, kEsp = 3 };

// "IKEv2 Traffic Selector Types"; RFC 7296 section 3.13.1.
enum class TsType : std::uint8_t {
  kIpv4AddrRange = 7,
  kIpv6AddrRange = 8,
  kFcAddrRange = 9,  // RFC 4595
  kSecLabel = 10,    // RFC 9478
};

// "IKEv2 Configuration Payload CFG Types"; RFC 7296 section 3.15.
enum class CfgType : std::uint8_t { kRequest = 1, kReply = 2, kSet = 3, kAck = 4 };

[[nodiscard]] std::string_view name_of(ExchangeType type);   // "IKE_SA_INIT"
[[nodiscard]] std::string_view name_of(PayloadType type);    // "TSi"
[[nodiscard]] std::string_view name_of(NotifyType type);     // "NO_PROPOSAL_CHOSEN"
[[nodiscard]] std::string_view name_of(TransformType type);  // "ENCR"
[[nodiscard]] std::string_view name_of(IdType type);         // "ID_FQDN"
[[nodiscard]] std::string_view name_of(AuthMethod method);   // "Digital Signature"
[[nodiscard]] std::string_view name_of(HashAlgorithm hash);  // "SHA2-256"
[[nodiscard]] std::string_view name_of(CertEncoding encoding);
[[nodiscard]] std::string_view name_of(ProtocolId protocol);  // "ESP"
[[nodiscard]] std::string_view name_of(TsType type);          // "TS_IPV4_ADDR_RANGE"
[[nodiscard]] std::string_view name_of(CfgType type);         // "CFG_REQUEST"

[[nodiscard]] std::string describe(ExchangeType type);  // "exchange 99" when unknown
[[nodiscard]] std::string describe(PayloadType type);   // "payload 200"
[[nodiscard]] std::string describe(NotifyType type);    // "notify 40960"

}  // namespace espalier::ike::wire
