import { resolve } from 'node:path';
import { z } from 'zod';

/** The part of the variables that is about mail. */
export const mailVariables = {
  SMTP_URL: z.url({ protocol: /^smtps?$/, error: 'must be an smtp or smtps URL' }).optional(),
  MAIL_FROM: z.string().default('authgraph <no-reply@localhost>'),
  MAIL_PRODUCT_NAME: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]{1,64}$/u, 'must have 1 to 64 characters on one line')
    .optional(),
  MAIL_TEMPLATES: z.string().optional(),
} as const;

type Given = z.infer<z.ZodObject<typeof mailVariables>> & { MFA_ISSUER: string; DATA_DIR: string };

/** How mail is written, and where it goes. */
export function mailOf(given: Given, production: boolean) {
  const { SMTP_URL: smtpUrl, MAIL_FROM: from, MAIL_TEMPLATES: templates } = given;
  return {
    smtpUrl,
    from,
    folder: resolve(given.DATA_DIR, 'mail'),
    /** Whether whoever develops here may read what was mailed, in a browser. */
    hasMailbox: !production && smtpUrl === undefined,
    productName: given.MAIL_PRODUCT_NAME ?? given.MFA_ISSUER,
    templates: templates === undefined ? undefined : resolve(templates),
  };
}
