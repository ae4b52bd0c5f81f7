/** What is known of the device behind a request, for the audit record and the list of sessions. */
export interface Client {
  /** Canonical; null where only the gateway's own address is known. */
  readonly ipAddress: string | null;
  /** What limits by address count: the IPv4 address or the IPv6 /64; null where the address is the gateway's. */
  readonly network: string | null;
  readonly userAgent: string | null;
  /** City and country, as text; null where the deployment does not know. */
  readonly location: string | null;
  readonly requestId: string;
  /** Id of the service that passes the request on; set once it has proved itself. */
  service?: string;
}
