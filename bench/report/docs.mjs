export function drawIntoDocs() {}
