/** Records of patients, in memory: what the examples guard. Each belongs to the account whose id it names. */
const records = new Map<string, readonly string[]>();

/** Takes down a finding. */
export function addRecord(patientId: string, finding: string): void {
  records.set(patientId, [...(records.get(patientId) ?? []), finding]);
}

/** What is known of a patient. */
export function recordsOf(patientId: string): { patientId: string; findings: readonly string[] } {
  return { patientId, findings: records.get(patientId) ?? [] };
}
