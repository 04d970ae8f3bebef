### Spanish, as understood in Spain and in America.
### Name: Español
### Locales: es
### Countries: ES, MX, AR, BO, CL, CO, CR, CU, DO, EC, GQ, GT, HN, NI, PA, PE, PR, PY, SV, UY, VE
### Speech: es-ES
### Voice: Polly.Lucia-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = Ha creado una cuenta. Responda { $word } para verificarla

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = ¿Ha pedido cambiar su contraseña? Si es así, responda { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = SÍ, SI

# SMS: the reply was another word.
wrong-reply = Inténtelo otra vez. Responda { $word } o no responda

# SMS: the account is verified.
confirmed = Gracias. Su cuenta ha sido verificada.

# SMS: the confirmation was sent, but its result is not known.
submitted = Gracias. Ya puede acceder a su cuenta.

# SMS: the confirmation failed for the moment.
retry-reply = Ha fallado nuestro sistema. Responda { $word } otra vez en unos minutos.

# SMS: the person replied too late, or the link was used before.
expired-reply = Esta solicitud ha caducado. Empiece de nuevo, por favor.

# SMS: the link that lets the person choose a new password.
password-link = Abra este enlace para elegir su contraseña: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Hay varias solicitudes pendientes.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Responda { $word } { $code } para verificar la cuenta ({ $age })

# SMS: a line of the list, as above.
several-password = Responda { $word } { $code } para cambiar la contraseña ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = hace un momento

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] hace { $minutes } minuto
   *[other] hace { $minutes } minutos
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] hace { $hours } hora
   *[other] hace { $hours } horas
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Su código es { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Su código para confirmar su cuenta es { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Su código para restablecer la contraseña es { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Su código para confirmar su teléfono es { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Su código para iniciar sesión es { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Su contraseña temporal es { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Su código es: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Espere, por favor. Le estamos comunicando con { $name }.

# As above. The employee's name is not known.
connecting-without-name = Espere, por favor. Le estamos comunicando con la persona solicitada.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = la persona solicitada

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Lo sentimos, no es posible comunicarse con este número. Adiós.

# Spoken: too many calls to this number at the moment.
number-busy = Lo sentimos, este número está ocupado. Inténtelo de nuevo más tarde. Adiós.

# Spoken in any call: a failure is ours.
apology = Lo sentimos, ha ocurrido un error en nuestro sistema. Llame de nuevo en unos minutos. Adiós.

# Spoken before the tone. The caller may then leave a message.
leave-message = En este momento no podemos atender su llamada. Deje un mensaje después del tono y, al terminar, marque la tecla almohadilla o numeral.

# Spoken at the end of any call.
goodbye = Adiós.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Mensaje de voz de { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Mensaje de voz de una llamada oculta ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Llamada perdida de { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Llamada perdida de un número oculto

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = De: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = No enviado, porque falta el destinatario. Empiece su SMS con un teléfono, por ejemplo: { $example }: Hola

# SMS to the employee: texts to this number are not allowed.
not-allowed = No enviado: no se permiten mensajes a este teléfono.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = No enviado: han salido demasiados SMS de su teléfono de empresa. Pruebe otra vez { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = Han llegado demasiados SMS a su teléfono de empresa. Volveremos a reenviar { $again }. Los otros quedan en el registro de Twilio.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] dentro de { $minutes } minuto
   *[other] dentro de unos { $minutes } minutos
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] dentro de { $hours } hora
   *[other] dentro de unas { $hours } horas
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = cuando se aumente el tope

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Le damos la bienvenida.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = Para español, marque { $digit }.

# Spoken.
ask-account = Por favor, marque su número de cuenta, seguido de la tecla almohadilla o numeral.

# Spoken if the caller may also speak the account number.
ask-account-speech = Por favor, diga su número de cuenta, o márquelo seguido de la tecla almohadilla o numeral.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Por favor, marque su PIN de { $digits } dígito.
   *[other] Por favor, marque su PIN de { $digits } dígitos.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Lo sentimos, no se han podido aceptar este número de cuenta y este PIN.

# Spoken: the keys make no sense.
not-understood = No le hemos entendido.

# Spoken after the right PIN.
welcome-account = Le damos la bienvenida.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Le damos la bienvenida, { $greeting }.

# Spoken: an entry of the menu.
press-for = Para { $label }, marque { $digit }.

# An entry of the menu, inside press-for.
label-balance = consultar el saldo

# An entry of the menu, inside press-for.
label-payments = consultar los pagos

# An entry of the menu, inside press-for.
label-exit = salir

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Su saldo es de { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Su último pago fue de { $amount } { $currency } el { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = No hay información sobre esto.

# Spoken: the system with the accounts does not answer.
not-now = Lo sentimos, esto no está disponible en este momento.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = cero uno/una/un dos tres cuatro cinco seis siete ocho nueve
